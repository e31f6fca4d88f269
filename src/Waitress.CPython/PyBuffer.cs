using System.Runtime.CompilerServices;

namespace Waitress.CPython;

/// <summary>
/// A view on the bytes of any bytes-like object. As long as it lives the exporter may not move or resize them, also while the
/// GIL is given up. Taken and disposed with the GIL held.
/// </summary>
internal unsafe ref struct PyBuffer
{
    // PyBUF_SIMPLE and PyBUF_WRITABLE (object.h, buffer.h).
    private const int Simple = 0, Writable = 1;

#pragma warning disable CS0649 // CPython assigns it.
    private View _view;
#pragma warning restore CS0649

    /// <summary>False with a Python error set (TypeError: a bytes-like object is required).</summary>
    public bool TryTake(PyRef exporter, bool writable = false) =>
        Api.PyObject_GetBuffer(exporter, (byte*)Unsafe.AsPointer(ref _view), writable ? Writable : Simple) == 0;

    public readonly ReadOnlySpan<byte> Bytes => new((void*)_view.Start, checked((int)_view.Length));

    public readonly Span<byte> WritableBytes => new((void*)_view.Start, checked((int)_view.Length));

    public void Dispose()
    {
        if (_view.Owner != 0)
            Api.PyBuffer_Release((byte*)Unsafe.AsPointer(ref _view));
    }

    // Py_buffer, part of the stable ABI since 3.11 and the same in 3.10: buf, obj, len, then seven fields of no use here.
    private struct View
    {
#pragma warning disable CS0169, CS0649, IDE0044, IDE0051 // CPython assigns them all.
        public nint Start, Owner, Length;
        private nint itemSize;
        private int readOnly, dimensions;
        private nint format, shape, strides, subOffsets, inside;
#pragma warning restore CS0169, CS0649, IDE0044, IDE0051
    }
}
