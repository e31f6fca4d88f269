using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Waitress.Tests.Http;

/// <summary>
/// The temporary files of this process, which are gone from their folder while they are open: Linux still tells of them. Tests that
/// count them run alone (<see cref="Alone"/>).
/// </summary>
internal static class TemporaryFiles
{
    public const string Alone = "Temporary files";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>A folder of our own: in the common one other servers on this machine have files for moments too.</summary>
    [ModuleInitializer]
    internal static void UseOwnFolder()
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Directory.CreateTempSubdirectory("tests").FullName;
        Environment.SetEnvironmentVariable("TMPDIR", folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
    }

    /// <summary>The sizes of those that are open.</summary>
    public static long[] Open
    {
        get
        {
            var sizes = new List<long>();
            foreach (var link in Directory.GetFiles("/proc/self/fd"))
            {
                try
                {
                    if (new FileInfo(link).LinkTarget is not { } target || !Path.GetFileName(target).StartsWith("waitress-", StringComparison.Ordinal))
                        continue;
                    using SafeFileHandle handle = File.OpenHandle(link);
                    sizes.Add(RandomAccess.GetLength(handle));
                }
                catch (IOException)
                {
                    // Closed since it was listed.
                }
            }

            return [.. sizes];
        }
    }

    public static void WaitForNone() =>
        Assert.True(SpinWait.SpinUntil(() => Open.Length == 0, Patience), $"Temporary files stay open: {string.Join(", ", Open)} bytes");

    public static void AssertFolderEmpty() => Assert.Empty(Directory.GetFiles(Path.GetTempPath(), "waitress-*"));
}

[CollectionDefinition(TemporaryFiles.Alone, DisableParallelization = true)]
public sealed class TemporaryFilesAlone;
