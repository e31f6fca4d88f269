using System.Net;
using System.Text.Json;
using Waitress.Admin;
using Waitress.Configuration;
using Waitress.Metrics;
using Waitress.Telemetry;
using Waitress.Tests.Http;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.Admin;

public sealed class AdminServerTests : IDisposable, IActivity
{
    private static readonly Settings Loopback = new() { AdminListen = "127.0.0.1:0" };
    private readonly (System.Net.Sockets.Socket Reader, System.Net.Sockets.Socket Writer) wake = MailboxTests.Connected();
    private readonly MetricBoard board = MetricBoard.Private();
    private readonly Mailbox log;
    private readonly AdminServer server;
    private Func<int, long, Task<string?>> stack = (_, _) => Task.FromResult<string?>(null);

    public AdminServerTests()
    {
        log = new Mailbox((int)wake.Writer.Handle);
        (board.OfSlot(0)[Fact.Pid], board.OfSlot(0)[Fact.State]) = (Environment.ProcessId, WorkerStates.Ready);
        server = AdminServer.Open(Loopback, [], new AdminApplication(new Service(board) { App = "a:b", Python = "3.x" }, Loopback, this), log)!;
        server.Start();
    }

    public void Dispose()
    {
        server.Dispose();
        log.Dispose();
        wake.Reader.Dispose();
        wake.Writer.Dispose();
    }

    Task<(IReadOnlyList<(int Slot, string Report)> Reports, bool Partial)> IActivity.ReadAsync() => Task.FromResult<(IReadOnlyList<(int, string)>, bool)>((
    [
        (0, """{"interface":"asgi","partial":false,"more":false,"routes":[["GET /a",2,1,4000000000,3000000000],["GET /b",1,0,1,1]],"requests":[{"id":9,"age":1.5,"path":"/x"}]}"""),
        (3, """{"partial":false,"more":false,"routes":[["GET /a",2,0,1000000000,1000000000]],"requests":[{"id":8,"age":2.5,"path":"/y"}]}"""),
        (4, "not JSON"),
    ], false));

    Task<string?> IActivity.StackAsync(int slot, long request) => stack(slot, request);

    private RawConnection Connect() => new((IPEndPoint)server.Sockets[0].Socket.LocalEndPoint!, 0);

    private RawAnswer Get(string path)
    {
        using var client = Connect();
        return client.Get(path.Replace("/", "/", StringComparison.Ordinal));
    }

    private RawAnswer Send(string request, bool isHead = false)
    {
        using var client = Connect();
        client.Send(request);
        return client.Read(isHead);
    }

    private RawAnswer Local(string path) => Send($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

    [Fact]
    public void Readiness_AsTheServiceChanges_FollowsIt()
    {
        Assert.Equal((503, "starting\n"), Answer("/readyz"));
        board.OfService[Fact.State] = (long)ServiceState.Serving;
        Assert.Equal((200, "ready\n"), Answer("/readyz"));
        board.OfSlot(0)[Fact.State] = WorkerStates.Number("retiring");
        Assert.Equal((503, "no worker is ready\n"), Answer("/readyz"));
        board.OfService[Fact.State] = (long)ServiceState.Stopping;
        Assert.Equal((503, "stopping\n"), Answer("/readyz"));
        Assert.Equal((200, "ok\n"), Answer("/healthz"));

        (int, string) Answer(string path) => Local(path) is var answer ? (answer.Status, answer.Text) : default;
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/metricsx")]
    [InlineData("/metrics/")]
    [InlineData("//metrics")]
    public void Path_ThatIsNotServed_Gets404(string path) => Assert.Equal(404, Local(path).Status);

    [Theory]
    [InlineData("POST")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    public void Method_OtherThanGetAndHead_Gets405WithAllow(string method)
    {
        var answer = Send($"{method} /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        Assert.Equal((405, "GET, HEAD"), (answer.Status, RawConnection.Field(answer.Head, "Allow")));
    }

    [Fact]
    public void Head_OfMetrics_HasTheLengthAndNoBody()
    {
        var answer = Send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", isHead: true);
        Assert.Equal((200, MetricsText.PrometheusType), (answer.Status, RawConnection.Field(answer.Head, "Content-Type")));
        Assert.True(int.Parse(RawConnection.Field(answer.Head, "Content-Length")!, System.Globalization.CultureInfo.InvariantCulture) > 1000);
    }

    [Theory]
    [InlineData("localhost", 200)]
    [InlineData("LOCALHOST:9090", 200)]
    [InlineData("127.0.0.1:9090", 200)]
    [InlineData("[::1]:9090", 200)]
    [InlineData("evil.example", 403)]
    [InlineData("127.0.0.1.evil.example:9090", 403)]
    public void Host_OfAnotherName_IsRefusedOnLoopback(string host, int status) =>
        Assert.Equal(status, Send($"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").Status);

    [Fact]
    public void Connections_ThatOnlyRest_KeepNobodyOut()
    {
        var resting = Enumerable.Range(0, AdminServer.MostConnections + 20).Select(_ => Connect()).ToArray();
        Assert.True(resting[0].IsAtEnd());
        Assert.Equal(200, Local("/healthz").Status);
        var youngest = resting[^1];
        youngest.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Assert.Equal(200, youngest.Read().Status);
        foreach (var one in resting)
            one.Dispose();
        Assert.Equal(200, Local("/healthz").Status);
    }

    [Fact]
    public void Status_AsJson_HasEveryPartOfTheDescription()
    {
        board.OfService[Fact.State] = (long)ServiceState.Serving;
        board.OfSlot(0).Add(MetricTable.Requests.Place + 1, 7);
        var answer = Local("/status.json");
        Assert.Equal((200, "application/json", "no-store"),
            (answer.Status, RawConnection.Field(answer.Head, "Content-Type"), RawConnection.Field(answer.Head, "Cache-Control")));
        var status = JsonDocument.Parse(answer.Text).RootElement;
        SameNames(JsonDocument.Parse(Described()).RootElement, status, "");
        Assert.Equal(7, status.GetProperty("totals").GetProperty("requests").GetInt32());
        Assert.Equal(7, status.GetProperty("workers")[0].GetProperty("requests").GetInt32());
        Assert.Equal("a:b", status.GetProperty("service").GetProperty("app").GetString());
        Assert.Equal("asgi", status.GetProperty("service").GetProperty("interface").GetString());

        var slowest = status.GetProperty("routes").GetProperty("slowest")[0];
        Assert.Equal(("GET", "/a", 4, 1, 1.25, 3), (slowest.GetProperty("method").GetString(), slowest.GetProperty("path").GetString(),
            slowest.GetProperty("requests").GetInt32(), slowest.GetProperty("errors").GetInt32(), slowest.GetProperty("mean").GetDouble(), slowest.GetProperty("max").GetDouble()));
        Assert.Equal(1, status.GetProperty("routes").GetProperty("failing").GetArrayLength());
        Assert.True(status.GetProperty("routes").GetProperty("partial").GetBoolean()); // One report can't be read.
        var oldest = status.GetProperty("in_flight").GetProperty("requests")[0];
        Assert.Equal((3, 8), (oldest.GetProperty("worker").GetInt32(), oldest.GetProperty("id").GetInt32()));
    }

    // The example of docs/status.md; objects whose names are reasons, and lists that may be empty, are compared as far as both have something.
    private static string Described()
    {
        var docs = File.ReadAllText(Path.Combine(Path.GetDirectoryName(Waitress.Tests.Metrics.MetricDocs.File())!, "status.md"));
        var begin = docs.IndexOf("```json\n", StringComparison.Ordinal) + 8;
        return docs[begin..docs.IndexOf("```", begin, StringComparison.Ordinal)];
    }

    private static void SameNames(JsonElement described, JsonElement found, string where)
    {
        if (described.ValueKind == JsonValueKind.Array && described.GetArrayLength() > 0 && found.GetArrayLength() > 0)
            SameNames(described[0], found[0], where + "[]");
        if (described.ValueKind != JsonValueKind.Object || where is ".totals.refused" or ".totals.restarts" or ".in_flight.requests[]")
            return;
        Assert.Equal((where, string.Join(' ', described.EnumerateObject().Select(property => property.Name))),
            (where, string.Join(' ', found.EnumerateObject().Select(property => property.Name))));
        foreach (var property in described.EnumerateObject())
            SameNames(property.Value, found.GetProperty(property.Name), $"{where}.{property.Name}");
    }

    [Fact]
    public void Stack_OfARequest_IsWhatTheWorkerSays()
    {
        Assert.Equal(400, Local("/stack").Status);
        Assert.Equal(400, Local("/stack?worker=x&id=1").Status);
        Assert.Equal(404, Local("/stack?worker=0&id=1").Status);
        stack = (slot, request) => Task.FromResult<string?>($"{slot} {request}");
        Assert.Equal("5 66\n", Local("/stack?worker=5&id=66").Text);
        stack = (_, _) => throw new TimeoutException();
        Assert.Equal(503, Local("/stack?worker=5&id=66").Status);
    }

    [Fact]
    public void Rest_AndBack_LeavesTheAddressForAWhile()
    {
        using var kept = Connect();
        kept.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Assert.Null(RawConnection.Field(kept.Read().Head, "Connection"));
        server.Rest(true);
        kept.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Assert.Equal("close", RawConnection.Field(kept.Read().Head, "Connection"));
        using var waiting = Connect();
        waiting.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        server.Rest(false);
        Assert.Equal(200, waiting.Read().Status);
    }

    [Fact]
    public void Address_ThatIsTaken_IsOneLine()
    {
        var taken = Loopback with { AdminListen = $"127.0.0.1:{server.Sockets[0].Port}" };
        var error = Assert.Throws<IOException>(() => AdminServer.Open(taken, [], new AdminApplication(new Service(board), taken, this), log));
        Assert.StartsWith($"Cannot listen on {taken.AdminListen}: ", error.Message, StringComparison.Ordinal);
        Assert.Null(AdminServer.Open(new Settings(), [], new AdminApplication(new Service(board), taken, this), log));
    }
}
