using System.Runtime.InteropServices;

namespace Waitress.CPython.Tests.Harness;

/// <summary>Finds, loads and starts a shared libpython: Debian's package, else the newest of pyenv.</summary>
internal static class Libpython
{
    private const int Now = 2, GlobalOnLinux = 0x100, GlobalOnMac = 8;

    public static void Initialize(string package)
    {
        var (path, home) = Find();
        if (dlopen(path, Now | (OperatingSystem.IsMacOS() ? GlobalOnMac : GlobalOnLinux)) == 0)
            throw new DllNotFoundException(Marshal.PtrToStringUTF8(dlerror()));

        // By the C library, since it is C code that reads them. The home: without it the first python3 on PATH decides where the
        // standard library is, and that may be of another version.
        _ = setenv("PYTHONHOME", home, 1);
        _ = setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
        var library = NativeLibrary.GetMainProgramHandle();
        unsafe
        {
            ((delegate* unmanaged[Cdecl]<int, void>)NativeLibrary.GetExport(library, "Py_InitializeEx"))(0);
        }

        Api.Verify();

        // The package without its __init__, which would import the native module.
        Py.Execute($"""
            import gc, sys, traceback, types
            waitress = types.ModuleType("waitress")
            waitress.__path__ = [{Py.Literal(Path.Combine(package, "waitress"))}]
            sys.modules["waitress"] = waitress
            """);
    }

    private static (string Path, string Home) Find()
    {
        foreach (var folder in (ReadOnlySpan<string>)["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"])
        {
            if (Newest(folder) is { } found && Directory.Exists($"/usr/lib/python3.{found.Minor}"))
                return (found.Path, "/usr");
        }

        var pyenv = Environment.GetEnvironmentVariable("PYENV_ROOT")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".pyenv");
        var versions = Path.Combine(pyenv, "versions");
        var candidates = Directory.Exists(versions) ? Directory.GetDirectories(versions) : [];
        return candidates.Select(home => (Home: home, Found: Newest(Path.Combine(home, "lib")))).Where(one => one.Found is not null)
            .OrderBy(one => one.Found!.Value.Minor).Select(one => (one.Found!.Value.Path, one.Home)).DefaultIfEmpty().Last() is { Path: not null } newest
            ? newest
            : throw new DllNotFoundException("No shared libpython 3.10 or newer: apt-get install libpython3.11 (or run eng/install-test-deps)");
    }

    private static (string Path, int Minor)? Newest(string folder)
    {
        if (!Directory.Exists(folder))
            return null;
        var found = from path in Directory.GetFiles(folder, "libpython3.*.so.1.0")
                    let name = Path.GetFileName(path)
                    where int.TryParse(name.AsSpan("libpython3.".Length, name.IndexOf(".so", StringComparison.Ordinal) - "libpython3.".Length), out _)
                    let minor = int.Parse(name.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture)
                    where minor >= 10
                    orderby minor
                    select ((string Path, int Minor)?)(path, minor);
        return found.LastOrDefault();
    }

    [DllImport("libc")]
    private static extern nint dlopen([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc")]
    private static extern nint dlerror();

    [DllImport("libc")]
    private static extern int setenv([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
