using System.Reflection;

namespace Waitress.FunctionalTests.Harness;

/// <summary>
/// The interpreters in which the wheel is installed: WAITRESS_TEST_PYTHONS, separated as PATH is, else the repository's
/// own virtual environment. The first runs every test, the others the core cases. None is an error, never a skipped run.
/// </summary>
internal static class Pythons
{
    private const string Variable = "WAITRESS_TEST_PYTHONS";

    public static string Repository { get; } = typeof(Pythons).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(entry => entry.Key == "RepositoryRoot").Value!;

    public static string Apps { get; } = Path.Combine(Repository, "tests", "apps");

    public static IReadOnlyList<string> Installed => Find();

    public static string First => Installed[0];

    /// <summary>Rows of the core cases.</summary>
    public static TheoryData<string> Each => [.. Installed];

    private static string[] Find()
    {
        var named = (Environment.GetEnvironmentVariable(Variable) ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (named.Length > 0)
        {
            return Array.Find(named, path => !File.Exists(path)) is { } missing
                ? throw new InvalidOperationException($"{Variable} names {missing}, which does not exist.")
                : named;
        }

        var own = Path.Combine(Repository, ".venv", "bin", "python");
        return File.Exists(own)
            ? [own]
            : throw new InvalidOperationException(
                $"No Python to test with: set {Variable} to the python of an environment with the wheel, or run ./test.");
    }
}
