using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Workers;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>ASGI apps in worker class interpreter, a loop in each; on the Pythons that have it. The others refuse, as with WSGI apps.</summary>
public sealed class InterpreterLoopTests
{
    private static readonly string[] Two = ["--worker-class=interpreter", "--workers=2", "--loop=asyncio"];

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Load_RequestsAndWebSockets_AreSpreadOverLoopsWithTheirOwnLifespans(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("asgi_interpreters:app", Two, python);
        await server.Log.WaitForLog("ASGI app on 2 interpreters with one event loop (asyncio) each");
        Assert.Equal(2, Threads(server, "started").Distinct().Count());
        var seen = await Task.WhenAll(Enumerable.Range(0, 4).Select(number => Task.Run(() => LoadAsync(server, number))));
        Assert.Equal(2, seen.SelectMany(one => one).Distinct().Count());
        var sockets = new List<RawWebSocket>();
        var homes = new List<string>();
        for (var number = 0; number < 4; number++)
        {
            sockets.Add(await RawWebSocket.OpenAsync(server.EndPoint, "/"));
            homes.Add(Home(await sockets[number].ReceiveAsync()));
        }

        // Two loops with two each.
        Assert.Equal([2, 2], homes.GroupBy(home => home).Select(group => group.Count()));
        for (var number = 0; number < 4; number++)
        {
            await sockets[number].SendAsync(RawWebSocket.Text, "word"u8.ToArray());
            Assert.Equal($"word {homes[number]}", TextOf(await sockets[number].ReceiveAsync()));
        }

        using (var client = await server.ConnectAsync())
        {
            Assert.Equal("child 0", (await client.GetAsync("/subprocess")).Text);
            Assert.Equal(500, (await client.GetAsync("/raise")).Status);
        }

        await server.Log.WaitForLog("ValueError: from an interpreter's loop");
        server.Process.Signal(PythonProcess.Sigterm);
        foreach (var socket in sockets)
        {
            await socket.AssertClosedAsync(1012);
            socket.Dispose();
        }

        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.Equal(2, Threads(server, "shut down").Distinct().Count());
        Assert.DoesNotContain(server.Log.Lines, InterpreterSupport.IsFatal);
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Replace_UnderLoad_LosesNoRequestAndEndsWhatGoesOn(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "asgi_interpreters_replaced.py")], python);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.OutputText}\n{ended.ErrorText}");
        Assert.Equal(
            ["errors []", "all served True", "made 4 at once {2}", "told {True}", "slept {'HTTP/1.1 503 Service Unavailable'}", "cut {True}", "ended True"],
            ended.Output);
        Assert.DoesNotContain(ended.Errors, InterpreterSupport.IsFatal);
        Assert.DoesNotContain(ended.Errors, line => line.Contains("Traceback", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Loop_ThatIsBlocked_IsToldWithItsStackWhileTheOtherServes(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        using var folder = new TemporaryFolder();
        var control = folder.File("control.sock");
        await using var server = await PythonServer.StartAsync("asgi_interpreters:app", [.. Two, "--supervise", "--graceful-timeout=1", "--loop-stall=0.3", "--control-socket=" + control], python);
        using var blocked = await server.ConnectAsync();
        await blocked.SendAsync("GET /busy?s=3 HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForLog("in blocking_the_loop");
        for (var turn = 0; turn < 4; turn++)
            await server.AssertServesAsync();
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /sleep?name=held HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        Assert.Equal("was busy", (await blocked.ReceiveAsync()).Text);
        var told = await PythonProcess.RunAsync(["-m", "waitress.ctl", "--socket", control, "stacks"], python);
        Assert.Contains("Task ", told.OutputText + told.ErrorText, StringComparison.Ordinal);
        Assert.Contains("await asyncio.sleep(1000)", told.OutputText, StringComparison.Ordinal);
        foreach (var number in (int[])[0, 1])
            Assert.Contains($"Thread waitress-interpreter-{number}-loop", told.OutputText, StringComparison.Ordinal);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, InterpreterSupport.IsFatal);
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task StartUp_ThatFails_IsCode3AndToldOnce(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. Two, "asgi_lifespan:app"], python,
            environment: new Dictionary<string, string> { ["ASGI_LIFESPAN"] = "failed" });
        Assert.Equal(3, ended.Code);
        Assert.Single(ended.Errors, line => line.Contains("Error: The app's start-up failed: no database today", StringComparison.Ordinal));
        Assert.DoesNotContain(ended.Errors, InterpreterSupport.IsFatal);
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Uvloop_ThatRefuses_IsReplacedWithAWordOrAnError(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        var path = new Dictionary<string, string> { ["PYTHONPATH"] = Path.Combine(Pythons.Apps, "refusing_loop") };
        await using (var server = await PythonServer.StartAsync("asgi_interpreters:app", [.. Two[..2], "--loop=auto"], python, environment: path))
        {
            await server.AssertServesAsync();
            Assert.Single(server.Log.Lines, line => line.Contains("uvloop is installed and can not be used here (module _curses does not support", StringComparison.Ordinal));
            await server.Log.WaitForLog("one event loop (asyncio) each");
            Assert.Equal(0, await server.StopAsync());
        }

        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. Two[..2], "--loop=uvloop", "asgi_interpreters:app"], python, environment: path);
        Assert.Equal(1, ended.Code);
        Assert.Contains(ended.Errors, line => line.StartsWith("Error: loop uvloop: uvloop can not be used here (module _curses does not support", StringComparison.Ordinal));
    }

    /// <summary>What class thread does on a free-threaded Python, in one interpreter with a GIL.</summary>
    [Fact]
    public async Task Loops_OfOneInterpreter_ServeByTurnsEachWithItsLifespan()
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "asgi_several_loops.py")]);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.OutputText}\n{ended.ErrorText}");
        Assert.Equal(["served by [('waitress-loop-0', 'True'), ('waitress-loop-1', 'True')]", "tasks 4", "left []"], ended.Output);
        Assert.Equal(
            ["started waitress-loop-0", "started waitress-loop-1", "shut down waitress-loop-0", "shut down waitress-loop-1"],
            ended.Errors.Where(line => line.StartsWith("MARK ", StringComparison.Ordinal)).Select(line => line[5..]).OrderBy(line => line.StartsWith("shut", StringComparison.Ordinal)).ThenBy(line => line, StringComparer.Ordinal));
    }

    private static List<string> Threads(PythonServer server, string what) =>
        [.. server.Log.Lines.Where(line => line.StartsWith($"MARK {what} ", StringComparison.Ordinal))];

    private static string Home((byte First, byte[] Payload) frame) => TextOf(frame).Split(' ')[0];

    private static string TextOf((byte First, byte[] Payload) frame) => System.Text.Encoding.UTF8.GetString(frame.Payload);

    /// <summary>Some requests on one connection; which interpreters answered.</summary>
    private static async Task<HashSet<string>> LoadAsync(PythonServer server, int number)
    {
        using var client = await server.ConnectAsync();
        var seen = new HashSet<string>();
        for (var turn = 0; turn < 100; turn++)
        {
            Assert.Equal($"{number}-{turn}", (await client.GetAsync($"/echo?word={number}-{turn}")).Text);
            var who = (await client.GetAsync("/who")).Text.Split(' ');
            Assert.Equal("True", who[2]);
            seen.Add(who[0]);
        }

        return seen;
    }
}
