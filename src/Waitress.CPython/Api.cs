using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// The C API, one field per function with CPython's own name, resolved from the running process and never linked: one binary
/// serves every CPython from 3.10. Ownership is read from the signature: <see cref="PyRef"/> is borrowed, <see cref="PyNew"/>
/// is a count that becomes ours, <c>nint</c> as an argument is a count that the callee steals (PyList_SetItem and its kin).
/// All of it needs the GIL unless the line says otherwise. Reference: https://docs.python.org/3/c-api/
/// </summary>
internal static unsafe partial class Api
{
    private static readonly List<string> Missing = [];

    /// <summary>One error that names every missing function, instead of a crash at the first use of one.</summary>
    public static void Verify()
    {
        RuntimeHelpers.RunClassConstructor(typeof(Api).TypeHandle);
        if (Missing.Count > 0)
            throw new EntryPointNotFoundException($"This Python lacks parts of the C API: {string.Join(", ", Missing)}");
    }

    private static nint Export([CallerMemberName] string name = "")
    {
        if (NativeLibrary.TryGetExport(PythonLibrary.Handle, name, out var address))
            return address;
        Missing.Add(name);
        return 0;
    }

    private static nint Optional([CallerMemberName] string name = "") =>
        NativeLibrary.TryGetExport(PythonLibrary.Handle, name, out var address) ? address : 0;

    /// <summary>The object that an exported variable such as PyExc_ValueError points to.</summary>
    private static nint Variable([CallerMemberName] string name = "")
    {
        var address = Export(name);
        return address == 0 ? 0 : *(nint*)address;
    }
}
