using System.Text;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Tests.Http;

namespace Waitress.Tests.Response;

/// <summary>The answer as it arrives at a client, through a real Kestrel.</summary>
[Collection(TemporaryFiles.Alone)]
public sealed class ResponseWriterTests
{
    private static async Task<(RawAnswer Answer, bool Closed)> Answer(Action<Exchange> serve, string method = "GET", Settings? settings = null)
    {
        await using var server = await EngineServer.StartAsync(serve, settings);
        using var client = server.Connect();
        client.Send($"{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        var answer = client.Read(method == "HEAD");
        var closed = RawConnection.Field(answer.Head, "Connection") == "close" || !answer.Complete;
        Assert.Equal(closed, closed && client.IsAtEnd());
        Assert.Empty(await server.StopAsync()); // A cut answer is the app's fault or the client's: no fault of the server's is told.
        return (answer, closed);
    }

    private static void Begin(Exchange exchange, long? length, int status = 200)
    {
        exchange.Response.Start(status, null);
        exchange.Response.Declare(length);
    }

    [Fact]
    public async Task Answer_Gathered_HasItsLengthAndKeepsTheConnection()
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, 6);
            Assert.True(exchange.Response.TryGather("abc"u8));
            Assert.True(exchange.Response.TryGather("def"u8));
        });
        Assert.Equal("abcdef", answer.Text);
        Assert.Equal("6", RawConnection.Field(answer.Head, "Content-Length"));
        Assert.Equal("waitress", RawConnection.Field(answer.Head, "Server"));
        Assert.True(answer.Complete && !closed);
    }

    [Fact]
    public async Task Gather_BeyondTheLimit_IsRefusedAndKeepsWhatThereWas()
    {
        var (answer, _) = await Answer(exchange =>
        {
            Begin(exchange, null);
            Assert.True(exchange.Response.TryGather(new byte[65_535]));
            Assert.False(exchange.Response.TryGather("ab"u8));
            Assert.True(exchange.Response.TryGather("z"u8));
        });
        Assert.Equal([.. new byte[65_535], (byte)'z'], answer.Body);
    }

    [Fact]
    public async Task Answer_LengthUnknown_IsChunked()
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, null);
            Assert.True(exchange.Response.Send("abc"u8));
            Assert.True(exchange.Response.Committed);
            Assert.True(exchange.Response.Send("def"u8));
        });
        Assert.Equal(("abcdef", true, false), (answer.Text, answer.Complete, closed));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public async Task Answer_TooShort_KeepsItsHeadAndIsCut(int given)
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, 10);
            exchange.Response.Headers.ETag = "\"x\"";
            if (given > 0)
                exchange.Response.Send(new byte[given]);
            exchange.Response.CutShort();
        });
        Assert.Equal(200, answer.Status);
        Assert.Equal("10", RawConnection.Field(answer.Head, "Content-Length"));
        Assert.Equal("\"x\"", RawConnection.Field(answer.Head, "ETag"));
        Assert.Equal(given, answer.Body.Length);
        Assert.True(closed && !answer.Complete);
    }

    [Fact]
    public async Task Answer_ChunkedAndCut_HasNoFinalChunk()
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, null);
            exchange.Response.Send("abc"u8);
            exchange.Response.CutShort();
            Assert.True(exchange.Response.Send("behind the gap"u8));
        });
        Assert.Equal("abc", answer.Text);
        Assert.True(closed && !answer.Complete);
    }

    [Fact]
    public async Task Fitting_ByAnnouncedLength_IsWhatIsLeft()
    {
        var (answer, _) = await Answer(exchange =>
        {
            Assert.Equal(int.MaxValue, exchange.Response.Fitting(int.MaxValue));
            Begin(exchange, 10);
            Assert.Equal(10, exchange.Response.Fitting(12));
            exchange.Response.TryGather("abcd"u8);
            Assert.Equal(6, exchange.Response.Fitting(12));
            exchange.Response.TryGather("efghij"u8);
            Assert.Equal(0, exchange.Response.Fitting(12));
        });
        Assert.Equal("abcdefghij", answer.Text);
    }

    [Theory]
    [InlineData(204, null)]
    [InlineData(304, null)]
    [InlineData(205, "0")]
    public async Task Answer_StatusWithoutBody_HasNone(int status, string? length)
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, 3, status);
            exchange.Response.TryGather("abc"u8);
        });
        Assert.Equal((status, "", false), (answer.Status, answer.Text, closed));
        Assert.Equal(length, RawConnection.Field(answer.Head, "Content-Length"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_ToHead_HasTheLengthOnly(bool gather)
    {
        var (answer, closed) = await Answer(
            exchange =>
            {
                Begin(exchange, 3);
                _ = gather ? exchange.Response.TryGather("abc"u8) : exchange.Response.Send("abc"u8);
            },
            "HEAD");
        Assert.Equal(("3", false), (RawConnection.Field(answer.Head, "Content-Length"), closed));
    }

    [Fact]
    public async Task Refuse_HeadHasNotLeft_AnswersInsteadOfTheApp()
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, 3);
            exchange.Response.Headers.SetCookie = "a=b";
            exchange.Response.TryGather("abc"u8);
            exchange.Response.Refuse(Refusal.AppFailed.Because("détail"));
        });
        Assert.Equal(500, answer.Status);
        Assert.Null(RawConnection.Field(answer.Head, "Set-Cookie"));
        Assert.Equal("Internal Server Error\r\n\r\ndétail\r\n\r\n(generated by waitress)", answer.Text);
        Assert.True(closed && answer.Complete);
    }

    [Fact]
    public async Task Refuse_HeadHasLeft_CutsTheAnswer()
    {
        var (answer, closed) = await Answer(exchange =>
        {
            Begin(exchange, null);
            exchange.Response.Send("abc"u8);
            exchange.Response.Refuse(Refusal.AppFailed);
        });
        Assert.Equal((200, "abc"), (answer.Status, answer.Text));
        Assert.True(closed && !answer.Complete);
    }

    [Fact]
    public async Task Commit_AppNamesAServer_OursGoesToVia()
    {
        var (answer, _) = await Answer(exchange =>
        {
            Begin(exchange, 0);
            exchange.Response.Headers.Server = "app";
        });
        Assert.Equal(("app", "waitress"), (RawConnection.Field(answer.Head, "Server"), RawConnection.Field(answer.Head, "Via")));
    }

    [Theory]
    [InlineData(0, 300_000)]
    [InlineData(12_345, 200_000)]
    [InlineData(299_999, 1)]
    public async Task SendFile_FromAnOffset_SendsThoseBytesAndClosesIt(int offset, int length)
    {
        var content = new byte[300_000];
        new Random(1).NextBytes(content);
        var (answer, _) = await Answer(exchange =>
        {
            var file = TempFile.Create();
            RandomAccess.Write(file, content, 0);
            Begin(exchange, length);
            exchange.Response.SendFile(file, offset);
        });
        Assert.True(answer.Complete);
        Assert.Equal(content.AsSpan(offset, length).ToArray(), answer.Body);
        TemporaryFiles.WaitForNone();
    }

    [Fact]
    public async Task SendFile_ShorterThanAnnounced_IsCut()
    {
        var (answer, closed) = await Answer(exchange =>
        {
            var file = TempFile.Create();
            RandomAccess.Write(file, "abc"u8, 0);
            Begin(exchange, 10);
            exchange.Response.SendFile(file, 0);
        });
        Assert.Equal("abc", Encoding.ASCII.GetString(answer.Body));
        Assert.True(closed && !answer.Complete);
        TemporaryFiles.WaitForNone();
    }
}
