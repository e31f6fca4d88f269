using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// Finds the C API of the interpreter that loaded us. We never load or link a libpython: a second one in the process would
/// be a second, uninitialised interpreter.
/// </summary>
internal static class PythonLibrary
{
    /// <summary>The newest minor version whose DLL name is tried on Windows; a name that does not exist yet costs nothing.</summary>
    private const int NewestMinor = 30;

    public static nint Handle { get; } = OperatingSystem.IsWindows() ? FindLoadedDll() : NativeLibrary.GetMainProgramHandle();

    // On Linux and macOS the main program's handle also searches what it was linked with, so a static python (Debian) and a
    // shared libpython (pyenv, conda) resolve alike. On Windows symbols belong to one DLL, named after the version.
    private static nint FindLoadedDll()
    {
        for (var minor = 10; minor <= NewestMinor; minor++)
        {
            foreach (var suffix in (ReadOnlySpan<string>)["", "t", "_d"])
            {
                if (Kernel32.GetModuleHandle($"python3{minor}{suffix}.dll") is var module and not 0)
                    return module;
            }
        }

        throw new DllNotFoundException("No python3*.dll is loaded in this process");
    }

    private static unsafe class Kernel32
    {
        public static nint GetModuleHandle(string name)
        {
            fixed (char* pointer = name)
                return GetModuleHandleW(pointer);
        }

        [DllImport("kernel32", ExactSpelling = true)]
        private static extern nint GetModuleHandleW(char* name);
    }
}
