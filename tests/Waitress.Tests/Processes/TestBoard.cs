using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Waitress.Processes;

namespace Waitress.Tests.Processes;

/// <summary>What a supervisor makes: a scoreboard in a file, and a pair of datagram sockets per slot (UDP here, since .NET has no socketpair).</summary>
internal sealed class TestBoard : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly List<(Socket Send, Socket Receive)> _pairs = [];

    public TestBoard(int slots, bool clients = false)
    {
        var rest = clients ? 16 * (131_072 + (slots * 8_192)) : 0; // As the supervisor's _board.py.
        var bytes = new byte[Scoreboard.HeaderSize + (slots * Scoreboard.SlotSize) + rest];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, 0x5741495452455353);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), 1);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), slots);
        File.WriteAllBytes(_path, bytes);
        for (var i = 0; i < slots; i++)
            _pairs.Add(Pair());
    }

    public byte[] Bytes => File.ReadAllBytes(_path);

    public Scoreboard Open() => Scoreboard.Open(Descriptor());

    public void Corrupt(int place)
    {
        using var file = File.OpenWrite(_path);
        file.Position = place;
        file.WriteByte(99);
    }

    public Handoff Handoff(int slot, long maxRequests = 0) => new(slot, [], Descriptor(), Number(_pairs[slot].Receive),
        [.. _pairs.Select(pair => Number(pair.Send))], maxRequests);

    public void Dispose()
    {
        foreach (var (send, receive) in _pairs)
        {
            send.Dispose();
            receive.Dispose();
        }

        File.Delete(_path);
    }

    private static int Number(Socket socket) => (int)socket.SafeHandle.DangerousGetHandle();

    private static (Socket Send, Socket Receive) Pair()
    {
        var (one, two) = (Bound(), Bound());
        one.Connect(two.LocalEndPoint!);
        two.Connect(one.LocalEndPoint!);
        return (one, two);
    }

    private static Socket Bound()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private int Descriptor()
    {
        using var handle = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var number = (int)handle.DangerousGetHandle();
        handle.SetHandleAsInvalid();
        return number;
    }
}
