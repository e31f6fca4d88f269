using Waitress.Tests.Http;
using Waitress.Workers;

namespace Waitress.Tests.Workers;

public sealed class OutboxTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FlushAndRescue_SeveralExchanges_AnswerAll(bool flush)
    {
        await using var server = await EngineServer.StartAsync();
        var outbox = new Outbox();
        Assert.True(outbox.IsEmpty);
        var clients = Enumerable.Range(0, 3).Select(_ => server.Connect()).ToArray();
        foreach (var client in clients)
            client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        foreach (var _ in clients)
        {
            var exchange = server.Arrived.Take();
            exchange.Response.Start(204, null);
            outbox.Add(exchange);
        }

        Assert.False(outbox.IsEmpty);
        Assert.All(clients, client => Assert.Equal(0, client.Socket.Available));
        if (flush)
            outbox.Flush();
        else
            outbox.Rescue();
        Assert.True(outbox.IsEmpty);
        foreach (var client in clients)
        {
            Assert.Equal(204, client.Read().Status);
            client.Dispose();
        }
    }

    [Fact]
    public async Task FlushAndRescue_AtTheSameTime_CompleteEachExchangeOnce()
    {
        // Completing an exchange twice throws, or answers the next request of the connection before it is served.
        await using var server = await EngineServer.StartAsync();
        var outbox = new Outbox();
        using var client = server.Connect();
        using var barrier = new Barrier(2);
        const int Rounds = 500;
        var rescuer = Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < Rounds; i++)
                {
                    barrier.SignalAndWait();
                    outbox.Rescue();
                    barrier.SignalAndWait();
                }
            },
            TaskCreationOptions.LongRunning);
        for (var i = 0; i < Rounds; i++)
        {
            client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            var exchange = server.Arrived.Take();
            exchange.Response.Start(204, null);
            outbox.Add(exchange);
            barrier.SignalAndWait();
            outbox.Flush();
            barrier.SignalAndWait();
            Assert.Equal(204, client.Read().Status);
            Assert.Equal(0, client.Socket.Available);
        }

        await rescuer;
        Assert.True(outbox.IsEmpty);
    }
}
