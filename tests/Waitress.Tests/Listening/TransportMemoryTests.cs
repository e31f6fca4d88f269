using Waitress.Listening;
using Waitress.Tests.Http;

namespace Waitress.Tests.Listening;

public sealed class TransportMemoryTests
{
    /// <summary>The setting is one of Kestrel's own: a version without it would fall back, and nothing else would tell.</summary>
    [Fact]
    public async Task Connection_OfTheTransport_TakesItsBlocksHere()
    {
        await using var server = await WireServer.StartAsync();
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        await client.ReadUntilAsync("GET / ");
        Assert.IsType<TransportMemory>(server.Memory);
    }

    [Fact]
    public void Rent_AfterABlockCameBack_IsThatBlock()
    {
        using var memory = new TransportMemory();
        var first = memory.Rent();
        using var second = memory.Rent(1);
        Assert.NotSame(first, second);
        Assert.Equal((32_768, 32_768), (first.Memory.Length, memory.MaxBufferSize));
        first.Dispose();
        using var third = memory.Rent(32_768);
        Assert.Same(first, third);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Rent(32_769));
    }
}
