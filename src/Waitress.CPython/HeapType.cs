using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// Builds a Python type whose slots are C# methods. CPython keeps pointers into the tables, so they live in memory of the
/// owning C# type, which is never freed nor moved.
/// </summary>
internal static unsafe class HeapType
{
    // Slot numbers and flags are part of the stable ABI (typeslots.h, object.h).
    public const int Call = 50, Dealloc = 52, Doc = 56, Iter = 62, IterNext = 63, Methods = 64, Members = 72, Free = 74, Await = 77;
    public const uint DisallowInstantiation = 1 << 7, Immutable = 1 << 8, HasVectorcall = 1 << 11, Default = 1 << 18;

    // Py_T_PYSSIZET and Py_READONLY of structmember.h.
    private const int MemberSize = 19, ReadOnly = 1;

    public readonly record struct Slot(int Id, nint Value);

    [StructLayout(LayoutKind.Sequential)]
    public struct Member
    {
        public byte* Name;
        public int Type;
        public nint Offset;
        public int Flags;
        public byte* Doc;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Spec
    {
        public byte* Name;
        public int BasicSize, ItemSize;
        public uint Flags;
        public Slot* Slots;
    }

    // PyMethodDef and its flags, methodobject.h.
    public const int NoArguments = 4, OneArgument = 8, FastCall = 0x80;

    [StructLayout(LayoutKind.Sequential)]
    public struct Method
    {
        public byte* Name;
        public nint Body;
        public int Flags;
        public byte* Doc;
    }

    /// <summary>A method table that outlives the call.</summary>
    public static nint MethodsOf(Type owner, params ReadOnlySpan<Method> methods)
    {
        var table = Allocate<Method>(owner, methods.Length + 1);
        methods.CopyTo(new Span<Method>(table, methods.Length));
        return (nint)table;
    }

    /// <summary>A member table with one entry that tells CPython where an instance keeps its vectorcall function.</summary>
    public static nint VectorcallAt(Type owner, int offset)
    {
        var members = Allocate<Member>(owner, 2);
        members[0] = new Member { Name = Text(owner, "__vectorcalloffset__"u8), Type = MemberSize, Offset = offset, Flags = ReadOnly };
        return (nint)members;
    }

    /// <summary>What CPython makes the type from, once per process: each interpreter makes a type of its own from it (<see cref="Create"/>).</summary>
    public static nint Define(Type owner, ReadOnlySpan<byte> name, int size, uint flags, params ReadOnlySpan<Slot> slots)
    {
        var table = Allocate<Slot>(owner, slots.Length + 1);
        slots.CopyTo(new Span<Slot>(table, slots.Length));
        var spec = Allocate<Spec>(owner, 1);
        *spec = new Spec { Name = Text(owner, name), BasicSize = size, Flags = flags, Slots = table };
        return (nint)spec;
    }

    /// <summary>A new type for the interpreter of the attached thread.</summary>
    public static PyNew Create(nint definition) => Api.PyType_FromSpec((void*)definition);

    /// <summary>Static text as a C string that outlives the call.</summary>
    public static byte* Text(Type owner, ReadOnlySpan<byte> text)
    {
        var copy = Allocate<byte>(owner, text.Length + 1);
        text.CopyTo(new Span<byte>(copy, text.Length));
        return copy;
    }

    /// <summary>Zeroed memory that exists as long as the C# type does.</summary>
    public static T* Allocate<T>(Type owner, int count)
        where T : unmanaged =>
        (T*)RuntimeHelpers.AllocateTypeAssociatedMemory(owner, count * sizeof(T));
}
