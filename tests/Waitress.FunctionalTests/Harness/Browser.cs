using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Waitress.FunctionalTests.Harness;

/// <summary>
/// Chromium without a window, told what to do over its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/): one socket for all pages,
/// each message a JSON object, an answer has its question's id, an event the session of its page. Ended by its own id only.
/// </summary>
internal sealed partial class Browser : IAsyncDisposable
{
    // Else it asks its maker for updates, features and time, and every page that it shows waits for that.
    private static readonly string[] Quiet =
    [
        "--headless=new", "--remote-debugging-port=0", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps", "--disable-breakpad", "--metrics-recording-only",
        "--no-first-run", "--no-default-browser-check", "--mute-audio", "--hide-scrollbars", "--force-color-profile=srgb",
    ];

    private readonly Process _process;
    private readonly TemporaryFolder _folder;
    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _asked = new();
    private readonly ConcurrentDictionary<string, Action<string, JsonElement>> _pages = new();
    private Task _receiving = Task.CompletedTask;
    private int _number;

    private Browser(Process process, TemporaryFolder folder) => (_process, _folder) = (process, folder);

    /// <param name="more">Options of its command line.</param>
    public static async Task<Browser> StartAsync(params string[] more)
    {
        var folder = new TemporaryFolder();
        var start = new ProcessStartInfo(Find()) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in Quiet.Concat(more).Append("--user-data-dir=" + folder.Path).Append("about:blank"))
            start.ArgumentList.Add(argument);

        // Its sandbox is not to be had by root, nor in most containers. It sees nothing but the page under test.
        start.ArgumentList.Add("--no-sandbox");
        start.Environment["HOME"] = folder.Path;
        var browser = new Browser(Process.Start(start)!, folder);
        var log = new LogCapture();
        browser._process.ErrorDataReceived += (_, line) => log.Add(line.Data ?? "");
        browser._process.BeginErrorReadLine();
        browser._process.BeginOutputReadLine();
        try
        {
            var where = Listening().Match(await log.WaitForLog(Listening().IsMatch, "Chromium says where it listens")).Groups["url"].Value;
            await browser._socket.ConnectAsync(new Uri(where), CancellationToken.None).Within("Chromium's socket");
            browser._receiving = browser.ReceiveAsync();
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>A tab, in a profile of its own, that is still empty.</summary>
    public async Task<BrowserPage> OpenAsync(int width = 1200, int height = 900, bool dark = false)
    {
        var context = (await AskAsync("Target.createBrowserContext", [])).GetProperty("browserContextId").GetString();
        var target = (await AskAsync("Target.createTarget", new() { ["url"] = "about:blank", ["browserContextId"] = context })).GetProperty("targetId").GetString();
        var session = (await AskAsync("Target.attachToTarget", new() { ["targetId"] = target, ["flatten"] = true })).GetProperty("sessionId").GetString()!;
        var page = new BrowserPage(this, session);
        _pages[session] = page.Take;
        await page.PrepareAsync(width, height, dark);
        return page;
    }

    /// <summary>Asks, and waits for the answer; what the browser refuses is an exception.</summary>
    public async Task<JsonElement> AskAsync(string method, JsonObject parameters, string? session = null)
    {
        var answer = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        var number = Interlocked.Increment(ref _number);
        _asked[number] = answer;
        var message = new JsonObject { ["id"] = number, ["method"] = method, ["params"] = parameters };
        if (session is not null)
            message["sessionId"] = session;
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }

        return await answer.Task.Within($"Chromium answers {method}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true); // Its own children; Browser.close would wait for its housekeeping.
        await _process.WaitForExitAsync().Within("Chromium ends");
        _socket.Abort();
        await _receiving;
        _socket.Dispose();
        _process.Dispose();
        _sending.Dispose();

        // Children that are just ending may still write there.
        await Deadline.Until(Removed, "Chromium's folder can be removed");
    }

    private bool Removed()
    {
        try
        {
            _folder.Dispose();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task ReceiveAsync()
    {
        var buffer = new byte[256 * 1024];
        var message = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    break;
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage)
                    continue;
                Take(JsonDocument.Parse(message.ToArray()).RootElement);
                message.SetLength(0);
            }
        }
        catch (Exception e) when (e is WebSocketException or ObjectDisposedException or OperationCanceledException)
        {
            // It has ended; whoever still waits for it is told.
        }

        foreach (var answer in _asked.Values)
            answer.TrySetException(new InvalidOperationException("Chromium has ended"));
    }

    private void Take(JsonElement message)
    {
        if (message.TryGetProperty("id", out var id))
        {
            if (!_asked.TryRemove(id.GetInt32(), out var answer))
                return;
            if (message.TryGetProperty("error", out var error))
                answer.TrySetException(new InvalidOperationException("Chromium refuses: " + error));
            else
                answer.TrySetResult(message.GetProperty("result"));
        }
        else if (message.TryGetProperty("sessionId", out var session) && _pages.TryGetValue(session.GetString()!, out var page))
        {
            page(message.GetProperty("method").GetString()!, message.GetProperty("params"));
        }
    }

    private static string Find() =>
        Array.Find(["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"], File.Exists)
        ?? throw new InvalidOperationException("Chromium is not installed; on Debian: apt-get install chromium");

    [GeneratedRegex(@"^DevTools listening on (?<url>ws://\S+)$")]
    private static partial Regex Listening();
}
