using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Workers;

/// <summary>
/// Worker class interpreter on every installed Python: those from 3.12 on serve, the older ones refuse in one line. Neither is skipped.
/// </summary>
public sealed class InterpreterTests
{
    private static readonly string[] Two = ["--worker-class=interpreter", "--workers=2", "--threads=2"];

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Load_KeepAlive_EveryResponseIsRightAndBothInterpretersServe(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("interpreters:app", Two, python);
        var seen = await Task.WhenAll(Enumerable.Range(0, 8).Select(number => Task.Run(() => LoadAsync(server, number))));
        Assert.Equal(2, seen.SelectMany(one => one).Distinct().Count());
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, InterpreterSupport.IsFatal);
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Replace_UnderLoad_LosesNoRequest(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "interpreters_replaced.py"), "6"], python);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.ErrorText}");
        Assert.Equal(["errors []", "all served True", "made 8 at once {2}", "ended True"], ended.Output);
        // Requests may wait while an interpreter is being made; that they are told of is right.
        Assert.DoesNotContain(ended.Errors, line => !line.StartsWith("Task queue depth is ", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Extension_OfOneInterpreter_IsNamedInOneLineWithCode1(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. Two, "refused_extension:app"], python);
        Assert.Equal(1, ended.Code);
        Assert.Contains(
            "Error: The app 'refused_extension:app' can't run in an interpreter of its own: its extension module _curses supports only one "
            + "interpreter per process. Use worker_class process", ended.Errors);
        Assert.DoesNotContain(ended.Errors, line => line.Contains("Traceback", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task App_ThatCannotBeImported_IsToldOnceWithItsTracebackAndCode1(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. Two, "broken_import:app"], python);
        Assert.Equal(1, ended.Code);
        Assert.Single(ended.Errors, line => line.StartsWith("Traceback", StringComparison.Ordinal));
        Assert.Single(ended.Errors, line => line.StartsWith("Error: The app 'broken_import:app' could not be imported", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task StandardLibrary_WithSubstitutes_WorksInEveryInterpreter(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("imports:app", Two, python);
        using var client = await server.ConnectAsync();
        Assert.Equal("2024-02-29 1.10", (await client.GetAsync("/")).Text);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, InterpreterSupport.IsFatal);
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task RequestTimeout_OfOneInterpreter_Is504WithTheStackAndDisturbsNoOther(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("interpreters:app", [.. Two, "--request-timeout=0.5"], python);
        using var late = await server.ConnectAsync();
        Assert.Equal(504, (await late.GetAsync("/busy?s=60")).Status);
        await server.Log.WaitForLog("while time.monotonic() < end");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task App_ThatRaisesExitsOrForks_IsSurvived(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("interpreters:app", Two, python);
        using (var client = await server.ConnectAsync())
            Assert.Equal(500, (await client.GetAsync("/raise")).Status);
        await server.Log.WaitForLog("ValueError: from an interpreter");
        using (var client = await server.ConnectAsync())
            Assert.Equal(500, (await client.GetAsync("/exit")).Status);
        using (var client = await server.ConnectAsync())
            Assert.StartsWith("RuntimeError: fork not supported", (await client.GetAsync("/fork")).Text, StringComparison.Ordinal);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Sigterm_WhileRequestsRun_FinishesThem(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("interpreters:app", Two, python);
        var clients = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => server.ConnectAsync()));
        foreach (var client in clients)
            await client.SendAsync("GET /sleep?s=0.5 HTTP/1.1\r\nHost: test\r\n\r\n");
        await Deadline.Until(() => server.Log.Lines.Count(line => line == "MARK asleep") == 4, "four requests run");
        server.Process.Signal(PythonProcess.Sigterm);
        foreach (var client in clients)
        {
            Assert.Equal("slept", (await client.ReceiveAsync()).Text);
            client.Dispose();
        }

        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Stop_WithAThreadOfTheAppLeft_SaysSoAndEnds(string python)
    {
        if (await InterpreterSupport.RefusesAsync(python, Two))
            return;
        await using var server = await PythonServer.StartAsync("interpreters:app", ["--worker-class=interpreter", "--workers=1"], python);
        using (var client = await server.ConnectAsync())
            Assert.Equal("started", (await client.GetAsync("/thread?daemon=1")).Text);
        Assert.Equal(0, await server.StopAsync());
        Assert.Contains(server.Log.Lines, line => line.Contains("threads of the app still run", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, InterpreterSupport.IsFatal);
    }

    [Fact]
    public async Task Usr1_AfterLogrotate_OpensTheFilesOfEveryInterpreterAnew()
    {
        if (await InterpreterSupport.FirstAsync(Two) is not { } python)
            return;
        using var folder = new TemporaryFolder();
        folder.Write("logs.py", $$"""
            import logging, time
            born = time.monotonic_ns()
            logging.basicConfig(filename={{$"'{folder.File("log")}'"}}, format="%(message)s")

            def app(environ, start_response):
                logging.warning("asked %d", born)
                body = str(born).encode()
                start_response("200 OK", [("Content-Length", str(len(body)))])
                return [body]
            """);
        await using var server = await PythonServer.StartAsync("logs:app", Two, python, folder: folder.Path);
        var names = await AnsweredAsync();
        File.Move(folder.File("log"), folder.File("log.1"));
        server.Process.Signal(PythonProcess.Sigusr1);
        await server.Log.WaitForLog("Log files are opened anew (2 besides the access log's)");
        Assert.Equal(names.Order(), (await AnsweredAsync()).Order());
        var told = await File.ReadAllTextAsync(folder.File("log"));
        Assert.All(names, name => Assert.Contains($"asked {name}", told, StringComparison.Ordinal));
        Assert.Equal(0, await server.StopAsync());

        // At the same time, so that each has to take some.
        async Task<HashSet<string>> AnsweredAsync()
        {
            var seen = new HashSet<string>();
            await Deadline.Until(async () =>
            {
                seen.UnionWith(await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
                {
                    using var client = await server.ConnectAsync();
                    return (await client.GetAsync("/")).Text;
                }))));
                return seen.Count == 2;
            }, "both interpreters answer");
            return seen;
        }
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Names_OfApps_BelongToThisClassAlone(string python)
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "interpreters_named.py")], python);
        Assert.Equal((0, "ValueError True\nValueError True"), (ended.Code, ended.OutputText));
    }

    /// <summary>300 requests on one connection; which interpreters answered.</summary>
    private static async Task<HashSet<string>> LoadAsync(PythonServer server, int number)
    {
        using var client = await server.ConnectAsync();
        var seen = new HashSet<string>();
        for (var turn = 0; turn < 100; turn++)
        {
            Assert.Equal($"{number}-{turn}", (await client.GetAsync($"/echo?word={number}-{turn}")).Text);
            Assert.Equal("333328333350000", (await client.GetAsync("/compute?n=100000")).Text);
            var who = (await client.GetAsync("/who")).Text.Split(' ');
            Assert.Equal("True", who[2]);
            seen.Add(who[0]);
        }

        return seen;
    }
}
