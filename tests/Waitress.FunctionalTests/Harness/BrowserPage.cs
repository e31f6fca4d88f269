using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Waitress.FunctionalTests.Harness;

/// <summary>One tab of <see cref="Browser"/>, and all that went wrong in it.</summary>
internal sealed class BrowserPage(Browser browser, string session)
{
    private readonly ConcurrentQueue<string> _faults = [], _requests = [];
    private Func<string, string?> _instead = _ => null;

    /// <summary>Errors and warnings of the console, exceptions, and what the page's policy has kept it from.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>The address of every request so far.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    public async Task PrepareAsync(int width, int height, bool dark)
    {
        foreach (var domain in new[] { "Page", "Runtime", "Log", "Network" })
            await AskAsync($"{domain}.enable", []);
        await AskAsync("Emulation.setDeviceMetricsOverride", new() { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = width < 500 });
        await AskAsync("Emulation.setEmulatedMedia", new()
        {
            ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" }),
        });
    }

    /// <summary>Goes there.</summary>
    public Task GoAsync(string url) => AskAsync("Page.navigate", new() { ["url"] = url });

    /// <summary>Runs a script in every document to come, before its own.</summary>
    public Task FirstRunAsync(string script) => AskAsync("Page.addScriptToEvaluateOnNewDocument", new() { ["source"] = script });

    /// <summary>Gives the page answers of ours: JSON by the address; null lets the request pass.</summary>
    public Task AnswerAsync(string pattern, Func<string, string?> instead)
    {
        _instead = instead;
        return AskAsync("Fetch.enable", new() { ["patterns"] = new JsonArray(new JsonObject { ["urlPattern"] = pattern }) });
    }

    /// <summary>The value of an expression in the page.</summary>
    public async Task<JsonElement> ValueAsync(string expression)
    {
        var answer = await AskAsync("Runtime.evaluate", new() { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true });
        Assert.False(answer.TryGetProperty("exceptionDetails", out var fault), $"{expression}: {fault}");
        return answer.GetProperty("result").TryGetProperty("value", out var value) ? value : default;
    }

    public async Task<string> TextAsync(string selector) =>
        (await ValueAsync($"document.querySelector({JsonSerializer.Serialize(selector)})?.innerText ?? ''")).GetString()!;

    /// <summary>Waits until an expression is true; its failure shows the page's text.</summary>
    public async Task UntilAsync(string expression)
    {
        try
        {
            // What is asked about may not be there yet.
            await Deadline.Until(async () => (await ValueAsync($"(() => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }})()")).GetBoolean(), expression);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}\nFaults: {string.Join("; ", _faults)}\nThe page:\n{await TextAsync("body")}");
        }
    }

    /// <summary>A click of the mouse in the middle of the first element that matches.</summary>
    public async Task ClickAsync(string selector)
    {
        var box = await ValueAsync($$"""
            (() => {
                const found = document.querySelector({{JsonSerializer.Serialize(selector)}});
                found.scrollIntoView({ block: "center" });
                const { x, y, width, height } = found.getBoundingClientRect();
                return [x + width / 2, y + height / 2];
            })()
            """);
        foreach (var type in new[] { "mousePressed", "mouseReleased" })
        {
            await AskAsync("Input.dispatchMouseEvent", new()
            {
                ["type"] = type,
                ["x"] = box[0].GetDouble(),
                ["y"] = box[1].GetDouble(),
                ["button"] = "left",
                ["clickCount"] = 1,
            });
        }
    }

    /// <summary>Hits a key of the keyboard, such as Enter, which types "\r".</summary>
    public async Task HitAsync(string key, int code, string text)
    {
        foreach (var type in new[] { "keyDown", "keyUp" })
            await AskAsync("Input.dispatchKeyEvent", new() { ["type"] = type, ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code, ["text"] = type == "keyDown" ? text : "" });
    }

    public void Take(string method, JsonElement event_)
    {
        switch (method)
        {
            case "Network.requestWillBeSent":
                _requests.Enqueue(event_.GetProperty("request").GetProperty("url").GetString()!);
                break;
            case "Runtime.exceptionThrown":
                _faults.Enqueue(event_.GetProperty("exceptionDetails").ToString());
                break;
            case "Runtime.consoleAPICalled" or "Log.entryAdded":
                _faults.Enqueue(event_.ToString());
                break;
            case "Fetch.requestPaused":
                _ = GoOnAsync(event_.GetProperty("requestId").GetString()!, _instead(event_.GetProperty("request").GetProperty("url").GetString()!));
                break;
        }
    }

    private Task<JsonElement> GoOnAsync(string request, string? answer) => answer is null
        ? AskAsync("Fetch.continueRequest", new() { ["requestId"] = request })
        : AskAsync("Fetch.fulfillRequest", new()
        {
            ["requestId"] = request,
            ["responseCode"] = 200,
            ["body"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(answer)),
            ["responseHeaders"] = new JsonArray(new JsonObject { ["name"] = "Content-Type", ["value"] = "application/json" }),
        });

    private Task<JsonElement> AskAsync(string method, JsonObject parameters) => browser.AskAsync(method, parameters, session);
}
