using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Listening;

namespace Waitress.Tests.Listening;

public sealed class ListenSocketsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("w").FullName;

    private string Path => System.IO.Path.Combine(_directory, "s");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Open_AnyPort_TellsWhereItServes()
    {
        using var socket = Single(new Settings { Listen = ["127.0.0.1:0"] });
        Assert.Equal("127.0.0.1", socket.Host);
        Assert.Equal(socket.Socket.LocalEndPoint!.ToString(), $"{socket.Host}:{socket.Port}");
        Assert.Equal($"http://127.0.0.1:{socket.Port}", socket.Url);
    }

    [Fact]
    public void Open_IPv6_IsOfItsFamilyOnlyAndBracketed()
    {
        if (!Socket.OSSupportsIPv6)
            return;
        using var socket = Single(new Settings { Listen = ["[::]:0"] });
        Assert.False(socket.Socket.DualMode);
        Assert.Equal($"http://[::]:{socket.Port}", socket.Url);
        // The same port of the other family is still free.
        using var other = Single(new Settings { Listen = [$"0.0.0.0:{socket.Port}"] });
    }

    [Fact]
    public void Open_AddressTwice_IsOneSocket_PortZeroTwiceIsTwo()
    {
        using var socket = Single(new Settings { Listen = ["127.0.0.1:0"] });
        var port = socket.Port;
        socket.Dispose();
        var once = ListenSockets.Open(new Settings { Listen = [$"127.0.0.1:{port}", $"127.0.0.1:{port}"] });
        Assert.Single(once.Sockets).Dispose();
        var twice = ListenSockets.Open(new Settings { Listen = ["127.0.0.1:0", "127.0.0.1:0"] });
        Assert.Equal(2, twice.Sockets.Count);
        Assert.All(twice.Sockets, s => s.Dispose());
    }

    [Fact]
    public void Open_NameOfAService_ListensOnItsPort()
    {
        if (!File.Exists("/etc/services"))
            return;
        // One whose port is free here and needs no privilege.
        var services =
            from line in File.ReadLines("/etc/services")
            let fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            where fields.Length > 1 && fields[1].EndsWith("/tcp", StringComparison.Ordinal) && char.IsAsciiLetter(fields[0][0])
            select (Name: fields[0], Port: fields[1][..^4]);
        var (outcome, port) = services.Where(service => service.Port.Length > 4)
            .Select(service => (Outcome: ListenSockets.Open(new Settings { Listen = [$"127.0.0.1:{service.Name}"] }), service.Port))
            .First(tried => tried.Outcome.Errors.Count == 0);
        using var socket = Assert.Single(outcome.Sockets);
        Assert.Equal(port, socket.Port);
    }

    [Fact]
    public void Open_NameOfNoService_SaysWhich()
    {
        var outcome = ListenSockets.Open(new Settings { Listen = ["[::1]:no-such-service"] });
        Assert.Equal(["Cannot listen on [::1]:no-such-service: no TCP service is named no-such-service"], outcome.Errors);
    }

    [Fact]
    public void Open_PortTaken_NamesTheAddressAndOpensNothing()
    {
        using var taken = Single(new Settings { Listen = ["127.0.0.1:0"] });
        var outcome = ListenSockets.Open(new Settings { Listen = [$"127.0.0.1:{taken.Port}", "127.0.0.1:0", "192.0.2.1:0", "a b"] });
        Assert.Empty(outcome.Sockets);
        Assert.Equal(
            [
                $"Cannot listen on 127.0.0.1:{taken.Port}: the address is already in use",
                "Cannot listen on 192.0.2.1:0: no interface of this machine has that address",
                "Cannot listen on a b: expected host, host:port, [IPv6] or [IPv6]:port",
            ],
            outcome.Errors);
    }

    [Fact]
    public void Open_UnixSocket_HasThePermissionsAskedForAndLeavesNoFile()
    {
        var socket = Single(Unix(perms: 0x1B0));
        Assert.Equal("unix", socket.Host);
        Assert.Equal(Path, socket.Port);
        Assert.Equal($"http://unix:{Path}", socket.Url);
        if (!OperatingSystem.IsWindows())
            Assert.Equal((UnixFileMode)0x1B0, File.GetUnixFileMode(Path));
        // The Socket object that bound the path must not delete it behind our back.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(File.Exists(Path));
        using (var client = Connect())
            Assert.True(client.Connected);
        socket.Dispose();
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public void Open_UnixSocketStale_IsReplaced()
    {
        LeaveStale();
        using var socket = Single(Unix());
        using var client = Connect();
    }

    [Fact]
    public void Open_UnixSocketLive_IsNeverTaken()
    {
        using var live = Single(Unix());
        var outcome = ListenSockets.Open(Unix());
        Assert.Equal([$"Cannot listen on unix:{Path}: another server answers there"], outcome.Errors);
        using var client = Connect();
    }

    [Fact]
    public void Open_UnixSocketPathIsAFile_IsLeftAlone()
    {
        File.WriteAllText(Path, "precious");
        var outcome = ListenSockets.Open(Unix());
        Assert.Equal([$"Cannot listen on unix:{Path}: a file that is not a socket is in the way"], outcome.Errors);
        Assert.Equal("precious", File.ReadAllText(Path));
    }

    [Theory]
    [InlineData("", "it is a directory")]
    [InlineData("no/s", "its directory does not exist")]
    [InlineData("too-long", "the path is empty or too long for a unix socket")]
    public void Open_UnixSocketPathImpossible_SaysWhy(string name, string reason)
    {
        var path = name == "too-long" ? System.IO.Path.Combine(_directory, new string('x', 200)) : System.IO.Path.Combine(_directory, name);
        var outcome = ListenSockets.Open(new Settings { UnixSocket = path });
        Assert.Equal([$"Cannot listen on unix:{path}: {reason}"], outcome.Errors);
    }

    [Fact]
    public void Dispose_UnixSocketTakenOverByAnother_LeavesItsFile()
    {
        var first = Single(Unix());
        File.Delete(Path);
        using var second = Single(Unix());
        first.Dispose();
        Assert.True(File.Exists(Path));
        using var client = Connect();
    }

    [Fact]
    public void Open_Descriptor_IsTakenOver()
    {
        var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var address = (IPEndPoint)bound.LocalEndPoint!;
        using var socket = Single(new Settings { Sockets = [GiveAway(bound)] });
        Assert.Equal($"http://{address}", socket.Url);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(address);
    }

    [Fact]
    public void Open_UnixDescriptor_IsServedUnderItsPath()
    {
        var bound = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        bound.Bind(new UnixDomainSocketEndPoint(Path));
        using var socket = Single(new Settings { Sockets = [GiveAway(bound)] });
        Assert.Equal($"http://unix:{Path}", socket.Url);
        socket.Dispose();
        // Its file belongs to whoever bound it.
        Assert.True(File.Exists(Path));
    }

    [Fact]
    public void Open_DescriptorOfNoUse_SaysWhy()
    {
        var datagram = GiveAway(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        var unbound = GiveAway(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        var file = File.OpenHandle("/dev/null");
        var number = file.DangerousGetHandle();
        file.SetHandleAsInvalid();
        var outcome = ListenSockets.Open(new Settings { Sockets = [datagram, unbound, number, 1_000_000, -1] });
        Assert.Equal(
            [
                $"Cannot listen on socket {datagram}: it is not a stream socket",
                $"Cannot listen on socket {unbound}: it is not bound",
                $"Cannot listen on socket {number}: it is not a socket",
                "Cannot listen on socket 1000000: it is not a socket",
                "Cannot listen on socket -1: it is not a descriptor",
            ],
            outcome.Errors);
    }

    [Theory]
    [InlineData("42", "2", 2)]
    [InlineData("41", "2", 0)]
    [InlineData("42", "0", 0)]
    [InlineData("42", "-1", 0)]
    [InlineData("42", "x", 0)]
    [InlineData("42", "4000", 0)]
    [InlineData(null, "1", 0)]
    [InlineData("42", null, 0)]
    public void FromSystemd_Environment_DescriptorsFromThree(string? pid, string? count, int expected)
    {
        var environment = new Dictionary<string, string>();
        if (pid is not null)
            environment["LISTEN_PID"] = pid;
        if (count is not null)
            environment["LISTEN_FDS"] = count;
        Assert.Equal(Enumerable.Range(3, expected).Select(fd => (long)fd), InheritedSockets.FromSystemd(environment, 42));
    }

    private static ListenSocket Single(Settings settings)
    {
        var outcome = ListenSockets.Open(settings);
        Assert.Empty(outcome.Errors);
        return Assert.Single(outcome.Sockets);
    }

    private static long GiveAway(Socket socket)
    {
        var descriptor = socket.SafeHandle.DangerousGetHandle();
        socket.SafeHandle.SetHandleAsInvalid();
#pragma warning disable CA1816 // Keeps the finalizer from deleting the file of a unix socket.
        GC.SuppressFinalize(socket);
#pragma warning restore CA1816
        return descriptor;
    }

    private Settings Unix(int perms = 0x180) => new() { UnixSocket = Path, UnixSocketPerms = perms };

    private void LeaveStale()
    {
        var bound = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        bound.Bind(new UnixDomainSocketEndPoint(Path));
        bound.Listen(1);
        // Closed under .NET's eyes, as if the process had died.
        using var handle = new SafeSocketHandle((nint)GiveAway(bound), ownsHandle: true);
        handle.Dispose();
        Assert.True(File.Exists(Path));
    }

    private Socket Connect()
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(Path));
        return client;
    }
}
