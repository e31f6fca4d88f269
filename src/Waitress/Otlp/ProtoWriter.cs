using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Waitress.Otlp;

/// <summary>
/// Writes one message in the binary format of Protocol Buffers, into memory that is kept and used again. The numbers of the fields are those of OTLP's
/// .proto files, version 1.
/// </summary>
/// <param name="kept">How many bytes of memory it may keep between two messages.</param>
internal sealed class ProtoWriter(int kept = ProtoWriter.Small)
{
    /// <summary>For one span, or the like.</summary>
    private const int Small = 16 * 1024;

    /// <summary>For messages of full batches: made anew for each, they would be large objects to the garbage collector.</summary>
    public const int Large = 512 * 1024;

    private const int Varint = 0, Fixed64Type = 1, Bytes = 2, Fixed32Type = 5;

    // The length of a nested message is known when it ends: its place is kept as a varint that is padded to four bytes, 256 MiB at most.
    private const int LengthBytes = 4;

    private byte[] _bytes = new byte[1024];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    /// <summary>The same, valid until the writer is used again.</summary>
    public ReadOnlyMemory<byte> Message => _bytes.AsMemory(0, _length);

    public void Clear()
    {
        if (_bytes.Length > kept)
            _bytes = new byte[1024];
        _length = 0;
    }

    /// <summary>A nested message begins; what is returned is for <see cref="End"/>.</summary>
    public int Begin(int field)
    {
        Tag(field, Bytes);
        Take(LengthBytes);
        return _length;
    }

    public void End(int begun)
    {
        var length = _length - begun;
        var place = _bytes.AsSpan(begun - LengthBytes, LengthBytes);
        for (var i = 0; i < LengthBytes; i++, length >>= 7)
            place[i] = (byte)((length & 0x7F) | (i < LengthBytes - 1 ? 0x80 : 0));
    }

    public void Number(int field, ulong value)
    {
        Tag(field, Varint);
        Raw(value);
    }

    public void Fixed32(int field, uint value)
    {
        Tag(field, Fixed32Type);
        BinaryPrimitives.WriteUInt32LittleEndian(Take(sizeof(uint)), value);
    }

    public void Fixed64(int field, ulong value)
    {
        Tag(field, Fixed64Type);
        BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value);
    }

    public void Double(int field, double value) => Fixed64(field, BitConverter.DoubleToUInt64Bits(value));

    public void Block(int field, ReadOnlySpan<byte> bytes)
    {
        Tag(field, Bytes);
        Raw((ulong)bytes.Length);
        bytes.CopyTo(Take(bytes.Length));
    }

    /// <summary>Fields that are written already.</summary>
    public void Append(ReadOnlySpan<byte> fields) => fields.CopyTo(Take(fields.Length));

    public void Text(int field, ReadOnlySpan<char> text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        Tag(field, Bytes);
        Raw((ulong)length);
        Encoding.UTF8.GetBytes(text, Take(length));
    }

    /// <summary>Several doubles or fixed64 numbers in one field ("packed").</summary>
    public void Packed(int field, ReadOnlySpan<ulong> values)
    {
        Tag(field, Bytes);
        Raw((ulong)values.Length * sizeof(ulong));
        foreach (var value in values)
            BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value);
    }

    /// <summary>A KeyValue whose value is a text.</summary>
    public void Attribute(int field, ReadOnlySpan<byte> key, ReadOnlySpan<char> value)
    {
        if (TryShort(field, key, value))
            return;
        var length = Encoding.UTF8.GetByteCount(value);
        Key(field, key, 1 + Size((ulong)length) + length);
        Tag(1, Bytes);
        Raw((ulong)length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    /// <summary>A KeyValue whose value is a whole number.</summary>
    public void Attribute(int field, ReadOnlySpan<byte> key, long value)
    {
        Key(field, key, 1 + Size((ulong)value));
        Tag(3, Varint);
        Raw((ulong)value);
    }

    // Nearly every attribute: ASCII, and each tag and length in one byte. A span has eight of them, so this is most of what it costs.
    private bool TryShort(int field, ReadOnlySpan<byte> key, ReadOnlySpan<char> value)
    {
        const int Overhead = 8, Longest = 127;
        var length = Overhead + key.Length + value.Length;
        if (field >= 16 || length > Longest)
            return false;
        var place = Take(length);
        var at = key.Length + 4;
        if (Ascii.FromUtf16(value, place[(at + 4)..], out _) != OperationStatus.Done)
        {
            _length -= length;
            return false;
        }

        place[0] = (byte)((field << 3) | Bytes);
        place[1] = (byte)(length - 2);
        place[2] = (1 << 3) | Bytes;
        place[3] = (byte)key.Length;
        key.CopyTo(place[4..]);
        place[at] = (2 << 3) | Bytes;
        place[at + 1] = (byte)(value.Length + 2);
        place[at + 2] = (1 << 3) | Bytes;
        place[at + 3] = (byte)value.Length;
        return true;
    }

    // KeyValue { key = 1, value = 2 }, as far as the value's content.
    private void Key(int field, ReadOnlySpan<byte> key, int value)
    {
        Tag(field, Bytes);
        Raw((ulong)(1 + Size((ulong)key.Length) + key.Length + 1 + Size((ulong)value) + value));
        Block(1, key);
        Tag(2, Bytes);
        Raw((ulong)value);
    }

    private void Tag(int field, int type) => Raw((ulong)((field << 3) | type));

    private void Raw(ulong value)
    {
        var place = Take(Size(value));
        for (var i = 0; i < place.Length; i++, value >>= 7)
            place[i] = (byte)((value & 0x7F) | (i < place.Length - 1 ? 0x80u : 0));
    }

    private static int Size(ulong value)
    {
        var size = 1;
        while ((value >>= 7) != 0)
            size++;
        return size;
    }

    private Span<byte> Take(int count)
    {
        if (_bytes.Length - _length < count)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        var place = _bytes.AsSpan(_length, count);
        _length += count;
        return place;
    }
}
