using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Waitress.CPython;
using Waitress.Python;

namespace Waitress.Native;

/// <summary>The one symbol that Python looks for in waitress._native; everything behind it is in the other assemblies.</summary>
internal static class Entry
{
    [UnmanagedCallersOnly(EntryPoint = "PyInit__native", CallConvs = [typeof(CallConvCdecl)])]
    private static nint PyInit()
    {
        try
        {
            return NativeModule.Define("waitress._native"u8, Module.Populate);
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }
}
