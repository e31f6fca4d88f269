using System.Net;
using System.Net.Sockets;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

/// <summary>
/// Children that an app forks: they may do anything but serve, never hang in the engine, never write to the client's connection, and
/// leave their parent as it was.
/// </summary>
public sealed class ForkTests
{
    public static TheoryData<string> Pythons => Harness.Pythons.Each;

    [Theory]
    [MemberData(nameof(Pythons))]
    public async Task Child_LeavingTheAppInAnyWay_EndsWithoutAnAnswer(string python)
    {
        await using var server = await StartAsync(python);
        using var client = await server.ConnectAsync();
        foreach (var (path, answer) in new (string, string)[]
        {
            ("/os-exit", "3"), ("/raise", "1"), ("/sys-exit", "9"), ("/sys-exit-text", "1"), ("/start", "21"), ("/gone", "21"),
            ("/serve", "21"), ("/again", "6"), ("/back", "0"), ("/back?large", "0"), ("/back?write", "21"), ("/inside", "first 0"),
            ("/terminate", "-15"), ("/pool", "285"), ("/system", "4"), ("/hello", Expected.Hello),
        })
        {
            // One connection for all: a byte of a child would be taken for the next answer.
            Assert.Equal((path, answer), (path, (await client.GetAsync(path)).Text));
        }

        await server.Log.WaitForLog("ValueError: raised in the child");
        await server.Log.WaitForLog("the child says why");
        await server.Log.WaitForLog("forked inside a request, returned from the app");
        Assert.DoesNotContain("Exception while serving", server.Log.Text, StringComparison.Ordinal);
        Assert.False(server.Log.HasMark("the child went on"));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Children_ManyWhileOthersAreServed_AllEnd()
    {
        await using var server = await StartAsync(Harness.Pythons.First, "--threads=8");
        string[] paths = ["/os-exit", "/raise", "/back?large", "/again", "/pool", "/terminate"];
        string[] answers = ["3", "1", "0", "6", "285", "-15"];
        var forking = paths.Select((path, index) => AskAsync(server, path, answers[index], 25)).ToList();

        // Requests that allocate all the time, so that collections of garbage and forks meet.
        var serving = Enumerable.Range(0, 4).Select(_ => AskAsync(server, "/hello", Expected.Hello, 3000)).ToList();
        await Task.WhenAll([.. forking, .. serving]);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Child_OutlivingItsParent_DoesNotKeepThePort()
    {
        using var gate = new Gate();
        await using var server = await StartAsync(Harness.Pythons.First);
        using (var client = await server.ConnectAsync())
        {
            var response = await client.GetAsync("/outlive?" + gate.Query("child"), "Connection: close\r\n");
            Assert.Equal(200, response.Status);

            // Nor does it keep the connection open, of which it has a copy too.
            await client.AssertClosedAsync();
        }

        Assert.Equal(0, await server.StopAsync());
        using var next = new TcpListener(IPAddress.Loopback, server.Port);
        next.Start();
    }

    [Theory]
    [MemberData(nameof(Pythons))]
    public async Task Script_Forking_SeesWhatItExpects(string python)
    {
        var ended = await PythonProcess.RunAsync(["-W", "ignore::DeprecationWarning", Path.Combine("embedding", "forking.py")], python);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.ErrorText}");
        Assert.Equal(
            ["child served 200 Hello, World! 0", "return 4", "close refused 4", "serve refused 4", "terminated -15", "200 Hello, World!"],
            ended.Output.Where(line => line.Length > 0));
    }

    // Python 3.12 warns of every fork in a process with threads.
    private static Task<PythonServer> StartAsync(string python, params string[] options) => PythonServer.ReadyAsync(PythonProcess.Start(
        ["-W", "ignore::DeprecationWarning", "-m", "waitress", "--listen=127.0.0.1:0", .. options, "forks:app"], python));

    private static async Task AskAsync(PythonServer server, string path, string answer, int times)
    {
        using var client = await server.ConnectAsync();
        for (var turn = 0; turn < times; turn++)
        {
            Assert.Equal((path, answer), (path, (await client.GetAsync(path)).Text));
        }
    }
}
