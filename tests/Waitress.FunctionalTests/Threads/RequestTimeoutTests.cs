using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

public sealed class TimeLimit() : ServerFixture("limits:app", "--threads=2", "--request-timeout=0.4");

public sealed class RequestTimeoutTests(TimeLimit limit) : IClassFixture<TimeLimit>
{
    [Fact]
    public async Task Request_InPythonCode_Is504WithItsStackInTheLogAndTheExceptionInTheApp()
    {
        var name = Pattern.Name();
        var from = limit.Log.Lines.Count;
        using var client = await limit.ConnectAsync();
        await client.SendAsync($"GET /spin?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 504);
        await limit.Log.WaitForMark("interrupted " + name);
        await limit.Log.WaitForMark("finally " + name);
        await limit.Log.WaitForLog("GET /spin took longer than request_timeout (0.4 s); the stack of its thread", from);
        await limit.Log.WaitForLog("in deep_in_the_app", from);
        await limit.Server.AssertServesAsync();
        Assert.DoesNotContain(limit.Log.Lines.Skip(from), line => line.Contains("Exception while serving", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Request_ThatSwallowsTheException_IsAnswered504OnceAndTheServerGoesOn()
    {
        using var client = await limit.ConnectAsync();
        await client.SendAsync("GET /swallow HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 504);
        await limit.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Response_ThatHasBegun_IsCutAndItsIterableClosed()
    {
        var name = Pattern.Name();
        using var client = await limit.ConnectAsync();
        await client.SendAsync($"GET /begun?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.CutAsync(client);
        await limit.Log.WaitForMark("closed " + name);
        await limit.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Callables_UsedAfterTheTimeIsUp_AreRefused()
    {
        var name = Pattern.Name();
        using var client = await limit.ConnectAsync();
        await client.SendAsync($"GET /later?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 504);
        await limit.Log.WaitForMark("refused write " + name);
        await limit.Log.WaitForMark("refused head " + name);
        await limit.Log.WaitForMark("gone True " + name);
    }

    [Fact]
    public async Task Threads_StuckInC_AreReplacedAndLeaveWhenTheyComeBack()
    {
        using var gate = new Gate();
        List<string> names = [];
        for (var turn = 0; turn < 4; turn++) // Twice as many as there are threads.
        {
            names.Add(Pattern.Name());
            using var client = await limit.ConnectAsync();
            await client.SendAsync($"GET /stuck?{gate.Query(names[^1])} HTTP/1.1\r\nHost: test\r\n\r\n");
            await Expected.RefusedAsync(client, 504);
            await limit.Server.AssertServesAsync();
        }

        await limit.Log.WaitForLog("4 thread(s) over request_timeout are stuck");
        gate.Open();
        await limit.Log.WaitForLog("GET /stuck: its thread has ended");
        Assert.DoesNotContain(names, name => limit.Log.HasMark("left " + name)); // The exception came first.
        await Deadline.Until(
            async () =>
            {
                using var client = await limit.ConnectAsync();
                return (await client.GetAsync("/threads")).Text == "2";
            },
            "the pool has two threads again");
    }

    [Fact]
    public async Task Requests_ThatEndAroundTheLimit_GetTheirOwnAnswerOr504AndNothingReachesTheNext()
    {
        const int Clients = 4, Turns = 25;
        var from = limit.Log.Lines.Count;
        var counts = await Task.WhenAll(Enumerable.Range(0, Clients).Select(async number =>
        {
            var random = new Random(number);
            var (whole, late) = (0, 0);
            RawClient? client = null;
            for (var turn = 0; turn < Turns; turn++)
            {
                client ??= await limit.ConnectAsync();
                var name = $"{number}-{turn}-{Pattern.Name()}";
                var seconds = (0.39 + (random.NextDouble() * 0.02)).ToString(CultureInfo.InvariantCulture);
                var answer = await client.GetAsync($"/around?s={seconds}&name={name}");
                if (answer.Status == 200)
                {
                    Assert.Equal("ended " + name, answer.Text);
                    whole++;
                    Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
                    continue;
                }

                Expected.Refusal(answer, 504);
                await client.AssertClosedAsync();
                client.Dispose();
                client = null;
                late++;
            }

            client?.Dispose();
            return (whole, late);
        }));
        Assert.Equal(Clients * Turns, counts.Sum(count => count.whole + count.late));
        await limit.Server.AssertServesAsync();
        Assert.DoesNotContain(limit.Log.Lines.Skip(from), line =>
            line.Contains("Traceback", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal) || line.Contains("Fault in the server", StringComparison.Ordinal));
    }
}
