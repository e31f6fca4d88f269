using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>Sockets that somebody else bound: the caller's, and systemd's.</summary>
public sealed class HandedSocketTests
{
    [Theory]
    [InlineData("sockets_again", "turn 0 {(200, 'Hello, World!\\n')}", "turn 1 {(200, 'Hello, World!\\n')}", "turn 2 {(200, 'Hello, World!\\n')}", "open True")]
    [InlineData("activated_once", "first True", "left []", "second False", "200 Hello, World!", "", "descriptor True")]
    [InlineData("none_stated", "200 Hello, World!", "")]
    public async Task Script_WithHandedSockets_SeesWhatItExpectsAndEnds(string script, params string[] expected)
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", script + ".py")]);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.ErrorText}");
        Assert.Equal(expected, ended.Output);
    }

    [Theory]
    [InlineData(true, "--port=0")]
    [InlineData(true, "--listen=127.0.0.1:0")]
    [InlineData(false)]
    [InlineData(false, "--worker-class=process", "--workers=2")]
    public async Task SystemdSocket_IsTakenOnlyWhenNoAddressIsStated(bool stated, params string[] options)
    {
        await using var server = await PythonServer.ReadyAsync(
            PythonProcess.Start([Path.Combine("embedding", "activated.py"), .. options, "hello:app"]));
        var bound = int.Parse(
            (await server.Process.Output.WaitForLog("bound "))["bound ".Length..], CultureInfo.InvariantCulture);
        Assert.Equal(stated, bound != server.Port);
        Assert.Single(server.Addresses());
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }
}
