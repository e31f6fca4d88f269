using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>--reload: what a developer sees who saves a file.</summary>
public sealed class ReloadTests
{
    [Fact]
    public async Task Module_Saved_IsServedAnew()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", App("one"));
        await using var server = await StartAsync(folder);
        await Until(server, 200, "one");
        folder.Write("page.py", App("two and more"));
        await Until(server, 200, "two and more");

        // As many editors save: a new file that takes the name.
        File.Move(folder.Write("page.py.new", App("three")), folder.File("page.py"), overwrite: true);
        await Until(server, 200, "three");
        await server.Log.WaitForLog("Changed: page.py");
    }

    [Fact]
    public async Task Module_Broken_ShowsItsTracebackAndWaitsForTheNextChange()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", App("good"));
        await using var server = await StartAsync(folder);
        await Until(server, 200, "good");
        folder.Write("page.py", "def app(:\n");
        var shown = await Until(server, 500, "SyntaxError");
        Assert.Contains("page.py", shown, StringComparison.Ordinal);
        await server.Log.WaitForLog("SyntaxError");
        folder.Write("page.py", "import models\n" + App("mended"));
        await Until(server, 500, "No module named 'models'");
        folder.Write("models/__init__.py", "");
        await Until(server, 200, "mended");
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData("raise RuntimeError('not yet')", "not yet")]
    [InlineData("raise SystemExit('no settings')", "no settings")]
    public async Task Module_BrokenFromTheStart_IsShownAndMended(string code, string shown)
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", code + "\n");
        await using var server = await StartAsync(folder);
        await Until(server, 500, shown);
        folder.Write("page.py", App("now"));
        await Until(server, 200, "now");
    }

    [Fact]
    public async Task Module_ImportedWhileServing_IsWatchedToo()
    {
        using var folder = new TemporaryFolder();
        folder.Write("lib/late.py", "text = 'early'\n");
        folder.Write("page.py", """
            import sys
            sys.path.append("lib")

            def app(environ, start_response):
                import late
                start_response("200 OK", [("Content-Length", str(len(late.text)))])
                return [late.text.encode()]
            """);
        await using var server = await StartAsync(folder);
        await Until(server, 200, "early");

        // The file counts when the worker was asked again: saved anew until then, each time with another length.
        var turn = 0;
        await Deadline.Until(
            async () =>
            {
                folder.Write("lib/late.py", $"text = 'late{new string('!', turn++ % 50)}'\n");
                return (await AskAsync(server)).Text.StartsWith("late", StringComparison.Ordinal);
            },
            "the late module is watched");
    }

    [Fact]
    public async Task Extra_FileOrFolder_RestartsTheWorkers()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", """
            text = open("templates/a/page.html").read()

            def app(environ, start_response):
                start_response("200 OK", [("Content-Length", str(len(text)))])
                return [text.encode()]
            """);
        folder.Write("templates/a/page.html", "first");
        await using var server = await StartAsync(folder, "--reload-extra=templates");
        await Until(server, 200, "first");
        folder.Write("templates/a/page.html", "second");
        await Until(server, 200, "second");
    }

    private static Task<PythonServer> StartAsync(TemporaryFolder folder, params string[] options) =>
        PythonServer.StartAsync("page:app", ["--reload", .. options], folder: folder.Path);

    private static async Task<string> Until(PythonServer server, int status, string part)
    {
        var text = "";
        await Deadline.Until(
            async () =>
            {
                var response = await AskAsync(server);
                text = response.Text;
                return response.Status == status && text.Contains(part, StringComparison.Ordinal);
            },
            $"the app answers {status} {part}");
        return text;
    }

    private static async Task<RawResponse> AskAsync(PythonServer server)
    {
        using var client = await server.ConnectAsync();
        return await client.RequestAsync("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    }

    private static string App(string text) => $$"""
        def app(environ, start_response):
            start_response("200 OK", [("Content-Length", "{{text.Length}}")])
            return [b"{{text}}"]
        """;
}
