using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Waitress.Admin;
using Waitress.Configuration;
using Waitress.Metrics;
using Waitress.Telemetry;
using Waitress.Tests.Http;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.Admin;

/// <summary>The page as a document; what it does in a browser is the functional tests' to see.</summary>
public sealed partial class StatusPageTests : IDisposable
{
    private static readonly Settings Loopback = new() { AdminListen = "127.0.0.1:0" };
    private readonly (System.Net.Sockets.Socket Reader, System.Net.Sockets.Socket Writer) wake = MailboxTests.Connected();
    private readonly Mailbox log;
    private readonly AdminServer server;

    public StatusPageTests()
    {
        log = new Mailbox((int)wake.Writer.Handle);
        var activity = new AskedActivity(new Questions(TimeProvider.System), () => { });
        server = AdminServer.Open(Loopback, [], new AdminApplication(new Service(MetricBoard.Private()), Loopback, activity), log)!;
        server.Start();
    }

    private static string Page => Encoding.UTF8.GetString(StatusPage.Answer.Body);

    public void Dispose()
    {
        server.Dispose();
        log.Dispose();
        wake.Reader.Dispose();
        wake.Writer.Dispose();
    }

    [Fact]
    public void Page_OverHttp_IsHtmlWithItsPolicy()
    {
        var answer = Send("GET");
        Assert.Equal((200, "text/html; charset=utf-8", "no-store", "nosniff"), (answer.Status, Field(answer, "Content-Type"), Field(answer, "Cache-Control"),
            Field(answer, "X-Content-Type-Options")));
        Assert.Equal(StatusPage.Answer.Policy, Field(answer, "Content-Security-Policy"));
        Assert.StartsWith("<!DOCTYPE html>", answer.Text, StringComparison.Ordinal);
        Assert.Contains("getElementById", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Head_OfThePage_HasTheSameHeadAndNoBody()
    {
        var (get, head) = (Send("GET"), Send("HEAD"));
        foreach (var name in new[] { "Content-Type", "Content-Length", "Content-Security-Policy" })
            Assert.Equal(Field(get, name), Field(head, name));
        Assert.Equal((200, ""), (head.Status, head.Text));
        Assert.Equal(405, Send("POST").Status);
    }

    [Fact]
    public void Page_Whole_IsBelow40Kilobytes() => Assert.InRange(StatusPage.Answer.Body.Length, 10_000, 40_000);

    [Fact]
    public void Policy_OfThePage_AllowsItsOwnScriptAndStyleAlone()
    {
        var policy = StatusPage.Answer.Policy.Split("; ").Select(part => part.Split(' ', 2)).ToDictionary(part => part[0], part => part[1]);
        Assert.Equal("'none'", policy["default-src"]);
        Assert.Equal(Hash(Inside("script")), policy["script-src"]);
        Assert.Equal(Hash(Inside("style")), policy["style-src"]);
        Assert.Equal(("'self'", "data:"), (policy["connect-src"], policy["img-src"]));
        Assert.All(["base-uri", "form-action", "frame-ancestors", "trusted-types"], name => Assert.Equal("'none'", policy[name]));
        Assert.Equal("'script'", policy["require-trusted-types-for"]);
        Assert.DoesNotContain("unsafe", StatusPage.Answer.Policy, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', Page);
    }

    [Fact]
    public void Answers_ThatAreNoPage_MayDoNothingInABrowser()
    {
        using var client = new RawConnection((IPEndPoint)server.Sockets[0].Socket.LocalEndPoint!, 0);
        client.Send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", Field(client.Read(), "Content-Security-Policy"));
    }

    // The policy would stop these in the browser; here they are seen at once.
    [Theory]
    [InlineData("innerHTML")]
    [InlineData("outerHTML")]
    [InlineData("insertAdjacentHTML")]
    [InlineData("document.write")]
    [InlineData("eval(")]
    [InlineData("new Function")]
    [InlineData(" style=")]
    [InlineData(" onclick=")]
    [InlineData("javascript:")]
    [InlineData("@import")]
    [InlineData("url(")]
    [InlineData(" src=")]
    public void Page_Whole_MakesNothingOfTextButText(string forbidden) => Assert.DoesNotContain(forbidden, Page, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void Page_Whole_NamesNoOtherAddress() => Assert.All(Addresses().Matches(Page), match => Assert.Equal("http://www.w3.org/2000/svg", match.Value));

    private RawAnswer Send(string method)
    {
        using var client = new RawConnection((IPEndPoint)server.Sockets[0].Socket.LocalEndPoint!, 0);
        client.Send($"{method} /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        return client.Read(method == "HEAD");
    }

    private static string? Field(RawAnswer answer, string name) => RawConnection.Field(answer.Head, name);

    private static string Inside(string tag) => Page.Split($"<{tag}>")[1].Split($"</{tag}>")[0];

    private static string Hash(string text) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'";

    [GeneratedRegex(@"(https?:)?//[\w.]+[\w/.]*(?<!//)")]
    private static partial Regex Addresses();
}
