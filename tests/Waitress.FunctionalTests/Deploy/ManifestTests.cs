using System.Text.Json;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>What the files of containers say, against each other and against a running server with their settings.</summary>
public sealed partial class ManifestTests
{
    [Fact]
    public async Task Kubernetes_Times_LeaveRoomForThePreStopAndTheGracefulStop()
    {
        var pod = (await DeploymentAsync()).GetProperty("spec").GetProperty("template").GetProperty("spec");
        var container = Assert.Single(pod.GetProperty("containers").EnumerateArray());
        var sleep = container.GetProperty("lifecycle").GetProperty("preStop").GetProperty("exec").GetProperty("command").EnumerateArray().ToArray();
        Assert.Equal("sleep", sleep[0].GetString());
        var graceful = int.Parse(Settings(container)["WAITRESS_GRACEFUL_TIMEOUT"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(int.Parse(Settings(container)["WAITRESS_REQUEST_TIMEOUT"], System.Globalization.CultureInfo.InvariantCulture), 1, graceful);
        var whole = int.Parse(sleep[1].GetString()!, System.Globalization.CultureInfo.InvariantCulture) + graceful + 7;
        Assert.InRange(pod.GetProperty("terminationGracePeriodSeconds").GetInt32(), whole + 1, whole + 30);
    }

    [Fact]
    public async Task Kubernetes_Manifests_SelectThePodsTheyAreFor()
    {
        var deployment = await DeploymentAsync();
        var labels = deployment.GetProperty("spec").GetProperty("template").GetProperty("metadata").GetProperty("labels").GetRawText();
        Assert.Equal(labels, deployment.GetProperty("spec").GetProperty("selector").GetProperty("matchLabels").GetRawText());
        var others = await DeployFile.YamlAsync(DeployFile.Path("kubernetes/service.yaml"));
        Assert.Equal(["Service", "PodDisruptionBudget", "NetworkPolicy"], others.Select(each => each.GetProperty("kind").GetString()));
        Assert.Equal(labels, others[0].GetProperty("spec").GetProperty("selector").GetRawText());
        Assert.Equal(labels, others[1].GetProperty("spec").GetProperty("selector").GetProperty("matchLabels").GetRawText());
        Assert.Equal(labels, others[2].GetProperty("spec").GetProperty("podSelector").GetProperty("matchLabels").GetRawText());

        var scaler = Assert.Single(await DeployFile.YamlAsync(DeployFile.Path("kubernetes/autoscaler.yaml"))).GetProperty("spec");
        Assert.Equal(deployment.GetProperty("metadata").GetProperty("name").GetString(), scaler.GetProperty("scaleTargetRef").GetProperty("name").GetString());
        var metric = scaler.GetProperty("metrics")[0].GetProperty("pods").GetProperty("metric").GetProperty("name").GetString();
        var rule = Assert.Single(await DeployFile.YamlAsync(DeployFile.Path("kubernetes/prometheus-adapter.values")))
            .GetProperty("rules").GetProperty("custom")[0];
        Assert.Equal(metric, rule.GetProperty("name").GetProperty("as").GetString());
    }

    [Fact]
    public async Task Compose_FilesOfTheServices_AreThere()
    {
        var compose = Assert.Single(await DeployFile.YamlAsync(DeployFile.Path("compose.yaml")));
        var services = compose.GetProperty("services");
        foreach (var volume in services.GetProperty("nginx").GetProperty("volumes").EnumerateArray())
        {
            Assert.True(File.Exists(DeployFile.Path(volume.GetString()!.Split(':')[0])), volume.GetString());
        }

        var build = services.GetProperty("app").GetProperty("build");
        Assert.True(File.Exists(Path.Combine(DeployFile.Path(build.GetProperty("context").GetString()!), build.GetProperty("dockerfile").GetString()!)));
        var subnet = compose.GetProperty("networks").GetProperty("inner").GetProperty("ipam").GetProperty("config")[0].GetProperty("subnet").GetString();
        Assert.Equal(subnet, services.GetProperty("app").GetProperty("environment").GetProperty("WAITRESS_TRUSTED_PROXY").GetString());
    }

    [Fact]
    public async Task Settings_OfEveryFile_AreGood()
    {
        var container = Assert.Single((await DeploymentAsync()).GetProperty("spec").GetProperty("template").GetProperty("spec").GetProperty("containers").EnumerateArray());
        var compose = Assert.Single(await DeployFile.YamlAsync(DeployFile.Path("compose.yaml")))
            .GetProperty("services").GetProperty("app").GetProperty("environment").EnumerateObject().ToDictionary(each => each.Name, each => each.Value.GetString()!);
        foreach (var settings in new[] { Settings(container), compose, OfTheImage() })
        {
            await AssertGoodAsync([], settings);
        }

        // The folder is LogsDirectory= of the unit.
        using var folder = new TemporaryFolder();
        var file = folder.Write("waitress.toml", DeployFile.Read("systemd/waitress.toml", ("/var/log/waitress/", folder.Path + "/")));
        await AssertGoodAsync(["--config=" + file], new Dictionary<string, string>());
    }

    [Fact]
    public async Task Workflow_Steps_CallFilesThatAreThere()
    {
        var workflow = Assert.Single(await DeployFile.YamlAsync(Path.Combine(Pythons.Repository, ".github", "workflows", "release.yml")));
        var runs = workflow.GetProperty("jobs").EnumerateObject().SelectMany(job => job.Value.GetProperty("steps").EnumerateArray())
            .Where(step => step.TryGetProperty("run", out _)).Select(step => step.GetProperty("run").GetString()!).ToArray();
        var files = runs.SelectMany(run => Script().Matches(run).Select(match => match.Value)).Distinct().Order().ToArray();
        Assert.Equal(["eng/build-in-container", "eng/build_backend.py", "eng/test-wheel"], files);
        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(Pythons.Repository, file)), file));
    }

    /// <summary>ENV of the image, as its last stage sets it.</summary>
    internal static Dictionary<string, string> OfTheImage() =>
        ImageSetting().Matches(DeployFile.Read("Dockerfile")).ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);

    private static async Task<JsonElement> DeploymentAsync() => Assert.Single(await DeployFile.YamlAsync(DeployFile.Path("kubernetes/deployment.yaml")));

    private static Dictionary<string, string> Settings(JsonElement container) => container.GetProperty("env").EnumerateArray()
        .ToDictionary(each => each.GetProperty("name").GetString()!, each => each.GetProperty("value").GetString()!);

    private static async Task AssertGoodAsync(IEnumerable<string> options, Dictionary<string, string> settings)
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--check-config", .. options, "hello:app"], environment: settings);
        Assert.True(ended.Code == 0 && ended.Errors.Count == 0, ended.ErrorText);
    }

    [GeneratedRegex(@"\beng/[\w-]+(\.py)?")]
    private static partial Regex Script();

    [GeneratedRegex(@"^ +(WAITRESS_\w+)=(\S+)", RegexOptions.Multiline)]
    private static partial Regex ImageSetting();
}
