using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// The definition of an extension module, multi-phase (PEP 489) so that each interpreter gets a module of its own and several
/// interpreters with their own GIL can import it.
/// </summary>
internal static unsafe class NativeModule
{
    // Slot numbers of moduleobject.h; the last two exist since 3.12 and 3.13, older versions reject them.
    private const int Exec = 2, MultipleInterpreters = 3, Gil = 4;
    private static readonly nint PerInterpreterGil = 2, GilNotUsed = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Definition
    {
        public nint HeadCount, HeadType;
        public nint Init, Index, Copy;
        public byte* Name;
        public byte* Doc;
        public nint Size;
        public nint Methods;
        public HeapType.Slot* Slots;
        public nint Traverse, Clear, Free;
    }

    // Each interpreter that imports the module calls PyInit; CPython keeps pointers into the one definition that they share.
    private static readonly Lock Gate = new();
    private static Populate? populate;
    private static nint definition;

    /// <summary>Adds the module's contents; runs once per interpreter, attached.</summary>
    public delegate void Populate(PyRef module);

    /// <summary>What PyInit_… returns: the definition, or null with a Python error set.</summary>
    public static nint Define(ReadOnlySpan<byte> name, Populate contents)
    {
        try
        {
            Api.Verify();
            lock (Gate)
            {
                if (definition == 0)
                    (populate, definition) = (contents, Make(name));
            }

            return Api.PyModuleDef_Init((void*)definition);
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    private static nint Make(ReadOnlySpan<byte> name)
    {
        var version = PythonVersion.Minor;
        var slots = HeapType.Allocate<HeapType.Slot>(typeof(NativeModule), 4);
        var next = slots;
        *next++ = new HeapType.Slot(Exec, (nint)(delegate* unmanaged[Cdecl]<nint, int>)&Execute);
        if (version >= 12)
            *next++ = new HeapType.Slot(MultipleInterpreters, PerInterpreterGil);
        if (version >= 13)
            *next = new HeapType.Slot(Gil, GilNotUsed);

        // A free-threaded build has a larger head; the fields behind it move with it.
        var extra = Singletons.HeadSize - (2 * sizeof(nint));
        var memory = HeapType.Allocate<byte>(typeof(NativeModule), sizeof(Definition) + extra);
        *(nint*)memory = 1;
        var fields = (Definition*)(memory + extra);
        fields->Name = HeapType.Text(typeof(NativeModule), name);
        fields->Slots = slots;
        return (nint)memory;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Execute(nint module)
    {
        try
        {
            populate!(new PyRef(module));
            return 0;
        }
        catch (Exception e)
        {
            Trap.Raise(e);
            return -1;
        }
    }
}

/// <summary>The version of the running interpreter.</summary>
internal static unsafe class PythonVersion
{
    public static string Text { get; } = Marshal.PtrToStringUTF8((nint)Api.Py_GetVersion()) ?? "";

    /// <summary>Without the build: "3.11.2".</summary>
    public static string Number { get; } = Text.Split(' ')[0];

    /// <summary>11 for 3.11.</summary>
    public static int Minor { get; } = int.Parse(Text.Split('.', '+', ' ')[1], System.Globalization.CultureInfo.InvariantCulture);
}
