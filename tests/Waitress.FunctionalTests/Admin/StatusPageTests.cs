using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Admin;

/// <summary>The page /status in a real browser, one for all of these tests.</summary>
public sealed class StatusPageTests(StatusPageTests.Chromium chromium) : IClassFixture<StatusPageTests.Chromium>
{
    private const string Hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&amp;";

    [Fact]
    public async Task Page_UnderLoad_ShowsWorkersRatesAndRoutesAndAsksNobodyElse()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", ["--admin-listen=0", "--worker-class=process", "--workers=2"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        await using var load = new SteadyLoad(server, clients: 4);
        var page = await OpenAsync(admin);
        await page.UntilAsync("document.querySelectorAll('#workers tbody tr').length === 2");
        await page.UntilAsync("[...document.querySelectorAll('#workers tbody tr')].every(row => /ready/.test(row.innerText) && / MiB/.test(row.innerText))");
        await page.UntilAsync("parseFloat(document.querySelector('.key b').innerText) > 0");
        await page.UntilAsync("/^GET \\/\\s+[\\d,]+\\s+0\\s+[\\d.]+ ms/m.test(document.querySelector('#slowest').innerText)");
        await page.UntilAsync("/ ms/.test(document.querySelectorAll('.key b')[2].innerText) && document.querySelector('path.one').getAttribute('d').length > 10");
        Assert.Equal("supervised:app", await page.TextAsync("h1"));
        Assert.Contains($"http://127.0.0.1:{server.Port}", await page.TextAsync("#about"), StringComparison.Ordinal);
        Assert.Equal("serving", await page.TextAsync("#state"));
        Assert.Contains("None: no answer was a 5xx.", await page.TextAsync("#failing"), StringComparison.Ordinal);

        await load.EndWithoutFailureAsync();
        var before = page.Requests.Count;
        await Deadline.Until(() => page.Requests.Count >= before + 2, "the page asks again and again");
        Assert.All(page.Requests, url => Assert.True(
            url.StartsWith($"http://127.0.0.1:{admin.Port}/status", StringComparison.Ordinal) || url.StartsWith("data:image/svg+xml,", StringComparison.Ordinal), url));
        Assert.Empty(page.Faults);
    }

    [Fact]
    public async Task Request_ThatHangs_AppearsWithItsAgeAndAClickShowsItsStack()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0", "--threads=2"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        var page = await OpenAsync(admin);
        await page.UntilAsync("/^[1-9][\\d.]* s\\s+GET \\/wait\\s+app\\s/m.test(document.querySelector('#flight').innerText)");
        Assert.DoesNotContain("gate=", await page.TextAsync("body"), StringComparison.Ordinal); // No query: it may hold secrets.

        await page.ClickAsync("#flight button");
        await page.UntilAsync("/waits\\.py.*\\bpass_gate\\b/.test(document.querySelector('#flight pre')?.innerText)");
        Assert.Equal("true", (await page.ValueAsync("document.querySelector('#flight button').getAttribute('aria-expanded')")).GetString());

        // Whoever reads a stack keeps it when its request ends, and closes it, here by the keyboard.
        gate.Open();
        Assert.Equal("waited held", (await client.ReceiveAsync()).Text);
        await page.UntilAsync("/GET \\/wait\\s+ended/.test(document.querySelector('#flight').innerText)");
        Assert.Contains("pass_gate", await page.TextAsync("#flight pre"), StringComparison.Ordinal);
        await page.ValueAsync("document.querySelector('#flight button').focus()");
        await page.HitAsync("Enter", 13, "\r");
        await page.UntilAsync("!document.querySelector('#flight pre') && document.querySelector('#flight tbody tr') === null");
        Assert.Empty(page.Faults);
    }

    [Fact]
    public async Task Screen_OfAPhoneAndOfEitherScheme_ShowsEverythingReadably()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0", "--worker-class=process", "--workers=2", "--threads=2"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        using var http = server.Http();
        await http.GetStringAsync("/any/" + string.Concat(Enumerable.Repeat("averylongword", 11)));
        var backgrounds = new List<string>();
        foreach (var (width, dark) in new[] { (360, false), (360, true), (1200, true), (1200, false) })
        {
            var page = await OpenAsync(admin, width, dark);
            await page.UntilAsync("document.querySelector('#flight button') && /averylong/.test(document.querySelector('#slowest').innerText)");
            await page.ClickAsync("#flight button");
            await page.UntilAsync("/pass_gate/.test(document.querySelector('#flight pre')?.innerText)");
            Assert.Equal(width, (await page.ValueAsync("document.documentElement.scrollWidth")).GetInt32());
            Assert.Empty(Words(await page.ValueAsync(PageScripts.Overflowing)));
            backgrounds.Add((await page.ValueAsync("getComputedStyle(document.body).backgroundColor")).GetString()!);

            // WCAG 2.2, 1.4.3: 4.5 to 1 for text.
            foreach (var selector in new[] { "h1", "#about", "#now dd", "#slowest td", "#workers th", "button", "#state", "pre" })
                Assert.True((await page.ValueAsync($"({PageScripts.Contrast})('{selector}')")).GetDouble() >= 4.5, $"{selector} at {width}, dark {dark}");
            Assert.Empty(page.Faults);
        }

        var busy = await chromium.Browser.OpenAsync(360);
        var large = Large(JsonNode.Parse((await admin.GetAsync("/status.json")).Text)!).ToJsonString();
        await busy.AnswerAsync("*status.json*", _ => large);
        await busy.GoAsync($"http://127.0.0.1:{admin.Port}/status");
        await busy.UntilAsync("/5 min/.test(document.body.innerText) && document.querySelector('#workers tbody tr')");
        Assert.Empty(Words(await busy.ValueAsync(PageScripts.Overflowing)));
        Assert.Empty(busy.Faults);

        Assert.Equal(2, backgrounds.Distinct().Count());
        Assert.Equal((backgrounds[0], backgrounds[1]), (backgrounds[3], backgrounds[2]));
        gate.Open();
        await client.ReceiveAsync();
    }

    [Fact]
    public async Task Text_OfAppAndClients_IsTextWhateverItSays()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        var status = JsonNode.Parse((await admin.GetAsync("/status.json")).Text)!;
        status["service"]!["app"] = Hostile;
        status["service"]!["reason"] = Hostile;
        status["workers"]![0]!["name"] = Hostile;
        status["service"]!["ready"] = false;
        status["totals"]!["refused"] = new JsonObject { [Hostile] = 1 };
        foreach (var list in new[] { "slowest", "failing" })
            status["routes"]![list] = new JsonArray(new JsonObject { ["method"] = Hostile, ["path"] = Hostile, ["requests"] = 1, ["errors"] = 1, ["mean"] = null, ["max"] = 1 });
        status["in_flight"]!["requests"] = new JsonArray(new JsonObject
        {
            ["worker"] = 0,
            ["id"] = 1,
            ["age"] = 9.0,
            ["state"] = Hostile,
            ["method"] = Hostile,
            ["path"] = Hostile,
            ["client"] = Hostile,
            ["thread"] = Hostile,
        });

        // And what is not known, wherever that may be.
        foreach (var name in new[] { "resident", "private", "cpu", "cpu_share", "open_files", "state" })
            status["workers"]![0]![name] = null;
        var page = await chromium.Browser.OpenAsync();
        await page.AnswerAsync("*", url => url.Contains("/stack", StringComparison.Ordinal) ? Hostile : url.Contains("status.json", StringComparison.Ordinal) ? status.ToJsonString() : null);
        await page.GoAsync($"http://127.0.0.1:{admin.Port}/status");
        await page.UntilAsync("document.querySelector('#flight button')");
        await page.ClickAsync("#flight button");
        await page.UntilAsync("document.querySelector('#flight pre')?.innerText.length > 5");
        foreach (var selector in new[] { "h1", "#state", "#flight", "#flight pre", "#workers", "#slowest", "#failing" })
            Assert.Contains(Hostile, await page.TextAsync(selector), StringComparison.Ordinal);
        Assert.Equal(0, (await page.ValueAsync("document.querySelectorAll('img, body script:not(:last-of-type)').length")).GetInt32());
        Assert.NotEqual("owned", (await page.ValueAsync("document.title")).GetString());
        Assert.Equal("", await page.TextAsync("#alarm"));
        Assert.Empty(page.Faults);

        // And if the page had a mistake, its policy would stop it.
        Assert.Equal("TypeError", (await page.ValueAsync("(() => { try { document.body.innerHTML = '<b>'; } catch (error) { return error.name; } })()")).GetString());
        await Deadline.Until(() => page.Faults.Any(fault => fault.Contains("TrustedHTML", StringComparison.Ordinal)), "the console tells of it");
    }

    [Fact]
    public async Task Stack_OfARequestThatHasEnded_IsClosedAndOpenedAgain()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        var status = JsonNode.Parse((await admin.GetAsync("/status.json")).Text)!;
        status["in_flight"]!["requests"] = JsonNode.Parse(
            """[{"worker": 0, "id": 1, "age": 9.0, "state": "app", "method": "GET", "path": "/slow", "client": "::1", "thread": "waitress-0"}]""");
        var running = status.ToJsonString();
        status["in_flight"]!["requests"] = new JsonArray();
        var (ended, now) = (status.ToJsonString(), running);
        var page = await chromium.Browser.OpenAsync();
        await page.FirstRunAsync(PageScripts.HeldTimers);
        await page.AnswerAsync("*", url => url.Contains("/stack", StringComparison.Ordinal) ? "the stack" : url.Contains("status.json", StringComparison.Ordinal) ? now : null);
        await page.GoAsync($"http://127.0.0.1:{admin.Port}/status");
        await page.UntilAsync("document.querySelector('#flight button') && waiting() === 1");
        await page.ClickAsync("#flight button");
        await page.UntilAsync("document.querySelector('#flight pre')?.innerText === 'the stack'");
        now = ended;
        await page.ValueAsync("due()");
        await page.UntilAsync("/GET \\/slow\\s+ended/.test(document.querySelector('#flight').innerText) && waiting() === 1");

        // Its row is there until the page looks again.
        await page.ClickAsync("#flight button");
        await page.UntilAsync("!document.querySelector('#flight pre')");
        await page.ClickAsync("#flight button");
        await page.UntilAsync("document.querySelector('#flight pre')?.innerText === 'the stack'");
        await page.ValueAsync("due()");
        await page.UntilAsync("asked() >= 5 && waiting() === 1 && /GET \\/slow\\s+ended/.test(document.querySelector('#flight').innerText)");
        Assert.Equal("", await page.TextAsync("#alarm"));
        Assert.Empty(page.Faults);
    }

    [Fact]
    public async Task Server_ThatEndsAndComesBack_IsSaidClearly()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        var status = (await admin.GetAsync("/status.json")).Text;
        var page = await OpenAsync(admin);
        await page.UntilAsync("document.querySelector('#workers tbody tr')");
        Assert.Equal("", await page.TextAsync("#alarm"));
        Assert.Equal(0, await server.StopAsync());
        await page.UntilAsync("/^The server has not answered since \\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('#alarm').innerText)");
        Assert.Equal(("no answer", true), (await page.TextAsync("#state"), (await page.ValueAsync("document.querySelector('main').matches('.stale')")).GetBoolean()));

        await page.AnswerAsync("*status.json*", _ => status);
        await page.UntilAsync("document.querySelector('#alarm').hidden && document.querySelector('#state').innerText === 'serving'");
        await page.AnswerAsync("*status.json*", _ => "{}");
        await page.UntilAsync("/can't be shown/.test(document.querySelector('#alarm').innerText)");
    }

    [Fact]
    public async Task Tab_ThatIsHiddenOrPaused_AsksNothingUntilItIsSeenAgain()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        var page = await chromium.Browser.OpenAsync();
        await page.FirstRunAsync(PageScripts.HeldTimers);
        await page.GoAsync($"http://127.0.0.1:{admin.Port}/status");
        await page.UntilAsync("window.asked?.() === 1 && waiting() === 1");
        await page.ValueAsync("due()");
        await page.UntilAsync("asked() === 2 && waiting() === 1");

        Assert.Equal(2, (await page.ValueAsync("hide(true), due(), asked()")).GetInt32());
        await page.ValueAsync("hide(false)");
        await page.UntilAsync("asked() === 3 && waiting() === 1");

        await page.ClickAsync("#pause");
        Assert.Equal("Go on", await page.TextAsync("#pause"));
        Assert.Equal(3, (await page.ValueAsync("due(), asked()")).GetInt32());
        await page.ClickAsync("#pause");
        await page.UntilAsync("asked() === 4 && waiting() === 1");
        Assert.Empty(page.Faults);
    }

    // What a busy service has, so that columns are as wide as they get.
    private static JsonNode Large(JsonNode status)
    {
        JsonObject Times() => new() { ["p50"] = 1.234, ["p90"] = 12.34, ["p99"] = 59.99, ["mean"] = 9.876 };
        status["rates"] = new JsonArray([.. new[] { 10, 60, 300 }.Select(seconds => new JsonObject
        {
            ["seconds"] = seconds, ["requests"] = 123456.7, ["errors"] = 1234.5, ["client_errors"] = 1234.5, ["refused"] = 1234.5, ["bytes_in"] = 1e9 + 1, ["bytes_out"] = 1e9 + 1,
            ["busy"] = 1.0,
        })]);
        status["times"] = new JsonArray([.. new[] { 60, 300 }.Select(seconds => new JsonObject
        {
            ["seconds"] = seconds, ["requests"] = 1, ["duration"] = Times(), ["queue"] = Times(), ["gil"] = Times(), ["app"] = Times(),
        })]);
        var worker = status["workers"]![0]!;
        (worker["age"], worker["requests"], worker["in_flight"], worker["resident"]) = (8640000.0, 1_234_567_890, 9999, 12_345_678_901);
        foreach (var list in new[] { "slowest", "failing" })
        {
            status["routes"]![list] = new JsonArray(new JsonObject
            {
                ["method"] = "OPTIONS",
                ["path"] = "/" + new string('w', 150),
                ["requests"] = 1_234_567,
                ["errors"] = 234_567,
                ["mean"] = 59.9,
                ["max"] = 59.9,
            });
        }

        return status;
    }

    private static IEnumerable<string> Words(JsonElement list) => list.EnumerateArray().Select(each => each.GetString()!);

    private async Task<BrowserPage> OpenAsync(AdminClient admin, int width = 1200, bool dark = false)
    {
        var page = await chromium.Browser.OpenAsync(width, dark: dark);
        await page.FirstRunAsync(PageScripts.Quick);
        await page.GoAsync(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{admin.Port}/status"));
        return page;
    }

    public sealed class Chromium : IAsyncLifetime
    {
        internal Browser Browser { get; private set; } = null!;

        public async Task InitializeAsync() => Browser = await Harness.Browser.StartAsync();

        public async Task DisposeAsync() => await Browser.DisposeAsync();
    }
}
