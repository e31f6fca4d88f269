using System.Text.Json;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Admin;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>What the image runs, run here: its command with its settings, its health check, and the probes of Kubernetes.</summary>
public sealed partial class ImageTests
{
    [Fact]
    public async Task Image_CommandAndSettings_ServeAndAreHealthyUntilTheyEnd()
    {
        var settings = ManifestTests.OfTheImage();
        settings["WAITRESS_LISTEN"] = "127.0.0.1:0";
        settings["WAITRESS_ADMIN_LISTEN"] = "127.0.0.1:0";
        settings["WAITRESS_WORKERS"] = "2"; // auto would be many on a large machine
        var command = List("CMD", "^CMD ");
        Assert.Equal("waitress-serve", command[0]);
        await using var process = PythonProcess.Start(["-m", "waitress", .. command[1..]], environment: settings, folder: Pythons.Repository);
        var serving = await process.Errors.WaitForLog("Metrics, health and status on http://");
        var port = Regex.Match(serving, @"http://127\.0\.0\.1:(\d+)").Groups[1].Value;
        using var admin = await AdminClient.OfAsync(process.Errors);
        await admin.ReadyAsync();

        var check = List("HEALTHCHECK", @"^HEALTHCHECK[^\n]*\\\n +CMD ");
        Assert.Equal("python3", check[0]);
        check[2] = check[2].Replace(":9090/", $":{port}/", StringComparison.Ordinal);
        Assert.Equal(0, (await PythonProcess.RunAsync(check[1..])).Code);

        var probes = ProbePath().Matches(DeployFile.Read("kubernetes/deployment.yaml")).Select(match => match.Groups[1].Value).ToArray();
        Assert.Equal(["/readyz", "/readyz", "/healthz"], probes);
        foreach (var path in probes)
        {
            Assert.Equal(200, (await admin.GetAsync(path)).Status);
        }

        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());
        Assert.Equal(1, (await PythonProcess.RunAsync(check[1..])).Code);
    }

    private static string[] List(string what, string before)
    {
        var match = Regex.Match(DeployFile.Read("Dockerfile"), before + @"(\[.*\])$", RegexOptions.Multiline);
        Assert.True(match.Success, $"The Dockerfile has no {what} as a list");
        return JsonSerializer.Deserialize<string[]>(match.Groups[1].Value)!;
    }

    [GeneratedRegex(@"path: (/\w+)\n +port:")]
    private static partial Regex ProbePath();
}
