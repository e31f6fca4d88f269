using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>--asynchronous=false with a small limit.</summary>
public sealed class SynchronousLimitedServer() : ServerFixture("suite:app", "--asynchronous=false", "--max-request-body-size=1000");

/// <summary>The app is reading already when its input turns out to be wrong: the client's fault, and told as such.</summary>
public sealed class RefusedInputTests(SynchronousLimitedServer synchronous) : IClassFixture<SynchronousLimitedServer>
{
    [Theory]
    [InlineData(413, "3e9\r\n", 1001)]
    [InlineData(400, "zz\r\n", 0)]
    [InlineData(400, "5\r\n12345\r\nnot a size\r\n", 0)]
    public async Task Chunks_ThatAreRefusedWhileTheAppReads_AreAnsweredWithoutATraceback(int status, string chunks, int more)
    {
        using var client = await synchronous.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        await synchronous.Log.WaitForMark("called " + name);
        var from = synchronous.Log.Lines.Count;
        await client.SendAsync(chunks + new string('x', more) + (more > 0 ? "\r\n0\r\n\r\n" : ""));
        await Expected.RefusedAsync(client, status);
        await synchronous.Log.WaitForLog($"with {status}: ", from);
        await synchronous.Server.AssertServesAsync();
        Assert.DoesNotContain("Traceback", synchronous.Log.Text, StringComparison.Ordinal);
    }
}
