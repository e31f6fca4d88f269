using System.Buffers.Binary;
using System.Text;

namespace Waitress.Tests.Otlp;

/// <summary>A message of Protocol Buffers, read field by field: what has a length stays bytes until somebody asks for what it is.</summary>
internal sealed class Message
{
    private readonly List<(int Field, ulong Number, byte[] Bytes)> _fields = [];

    public Message(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var tag = Varint(ref bytes);
            var (number, content) = (0UL, Array.Empty<byte>());
            switch (tag & 7)
            {
                case 0:
                    number = Varint(ref bytes);
                    break;
                case 1:
                    number = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
                    bytes = bytes[8..];
                    break;
                case 2:
                    var length = (int)Varint(ref bytes);
                    content = bytes[..length].ToArray();
                    bytes = bytes[length..];
                    break;
                case 5:
                    number = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
                    bytes = bytes[4..];
                    break;
                default:
                    throw new InvalidDataException($"type {tag & 7}");
            }

            _fields.Add(((int)(tag >> 3), number, content));
        }
    }

    public IReadOnlyList<int> Fields => [.. _fields.Select(each => each.Field)];

    public bool Has(int field) => _fields.Any(each => each.Field == field);

    public ulong Number(int field) => _fields.Single(each => each.Field == field).Number;

    public double Double(int field) => BitConverter.UInt64BitsToDouble(Number(field));

    public byte[] Bytes(int field) => _fields.Single(each => each.Field == field).Bytes;

    public string Text(int field) => Encoding.UTF8.GetString(Bytes(field));

    public Message Inner(int field) => new(Bytes(field));

    public IReadOnlyList<Message> All(int field) => [.. _fields.Where(each => each.Field == field).Select(each => new Message(each.Bytes))];

    public ulong[] Packed(int field)
    {
        var bytes = Bytes(field);
        return [.. Enumerable.Range(0, bytes.Length / 8).Select(i => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * 8)))];
    }

    /// <summary>KeyValues: whole numbers as their digits.</summary>
    public Dictionary<string, string> Attributes(int field) => All(field).ToDictionary(pair => pair.Text(1), pair =>
    {
        var value = pair.Inner(2);
        return value.Has(1) ? value.Text(1) : ((long)value.Number(3)).ToString(System.Globalization.CultureInfo.InvariantCulture);
    });

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var one = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(one & 0x7F) << shift;
            if (one < 0x80)
                return value;
        }
    }
}
