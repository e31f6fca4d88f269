using System.Net;
using System.Net.Sockets;
using System.Reflection;
using Waitress.Telemetry;

namespace Waitress.Tests.Telemetry;

public class LogEventTests
{
    [Fact]
    public void Numbers_OfAllRows_AreDifferentAndAscend() =>
        Assert.Equal(LogEvent.All.Select(entry => entry.Id).Distinct().Order(), LogEvent.All.Select(entry => entry.Id));

    [Fact]
    public void Rows_DeclaredInTheTable_AreAllListed() => Assert.Equal(
        typeof(LogEvent).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (LogEvent)field.GetValue(null)!).OrderBy(entry => entry.Id),
        LogEvent.All);

    [Fact]
    public void Write_ValuesWithBraces_AreTextAsTheyAre() =>
        Assert.Equal("Client disconnected while serving GET /{0}", LogEvent.Disconnected.Write("GET", "/{0}"));

    [Fact]
    public void Write_ControlsInValues_AreEscaped()
    {
        Assert.Equal("Refused a request from a with 400: x\\x0Ay\\x1B[2J\\x85\\x9B31mé", LogEvent.Refused.Write("a", 400, "x\ny\x1b[2J\x85\u009b31mé"));
        Assert.Equal("Fault in the server: a\n\tat b\\x1B", LogEvent.EngineFault.Write("a\n\tat b\x1b"));
    }

    [Theory]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1:5")]
    [InlineData("192.0.2.1", "192.0.2.1:5")]
    [InlineData("2001:db8::1", "[2001:db8::1]:5")]
    public void Write_Peers_AreAsTheAccessLogHasThem(string address, string shown)
    {
        Assert.Equal($"{shown} sent a plain HTTP request to a TLS port", LogEvent.PlainRequest.Write(new IPEndPoint(IPAddress.Parse(address), 5)));
        Assert.StartsWith("localhost sent", LogEvent.PlainRequest.Write(new UnixDomainSocketEndPoint("/x")));
        Assert.EndsWith("the last was from 192.0.2.1", LogEvent.RequestsDenied.Write(1, IPAddress.Parse("::ffff:192.0.2.1")));
    }

    [Fact]
    public void Docs_ComparedWithTheTable_AreFresh()
    {
        var file = LogDocs.File();
        if (Environment.GetEnvironmentVariable("WAITRESS_UPDATE_DOCS") == "1")
            File.WriteAllText(file, LogDocs.Write());
        Assert.True(File.ReadAllText(file) == LogDocs.Write(), "docs/logging.md is stale: run the tests once with WAITRESS_UPDATE_DOCS=1");
    }
}
