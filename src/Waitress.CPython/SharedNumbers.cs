using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Waitress.CPython;

/// <summary>
/// Numbers of 64 bits in memory that other processes may map as well, each read and written whole. It stays until the process ends, since
/// whoever counts may come late: a connection that closes after its server. It is here for the raw pointer: a mapped view's own calls
/// cost ten times what an addition does.
/// </summary>
internal sealed unsafe class SharedNumbers
{
    private readonly long* _first;
    private readonly object _keep;

    private SharedNumbers(long* first, int length, object keep)
    {
        _first = first;
        _keep = keep;
        Length = length;
    }

    public int Length { get; }

    /// <summary>The number itself; only one thread at a time may change it.</summary>
    public ref long this[int index]
    {
        get
        {
            if ((uint)index >= (uint)Length)
                throw new ArgumentOutOfRangeException(nameof(index));
            return ref _first[index];
        }
    }

    /// <summary>Some of them in a row, to be copied.</summary>
    public Span<long> Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Length - start);
        return new Span<long>(_first + start, count);
    }

    /// <summary>Of this process alone, all 0.</summary>
    public static SharedNumbers Private(int length)
    {
        var numbers = GC.AllocateArray<long>(length, pinned: true);
        return new SharedNumbers((long*)Marshal.UnsafeAddrOfPinnedArrayElement(numbers, 0), length, numbers);
    }

    /// <summary>A whole file; IOException when that can't be mapped. The file may be closed afterwards.</summary>
    public static SharedNumbers Map(SafeFileHandle handle)
    {
        var size = RandomAccess.GetLength(handle);
        if (size < sizeof(long))
            throw new IOException("The file is too short");
        var file = MemoryMappedFile.CreateFromFile(handle, null, size, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        var view = file.CreateViewAccessor(0, size, MemoryMappedFileAccess.ReadWrite);
        byte* first = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref first); // Never released: so nothing unmaps it.
        return new SharedNumbers((long*)(first + view.PointerOffset), (int)(size / sizeof(long)), view);
    }
}
