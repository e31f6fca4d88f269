using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Http;

/// <summary>What the options of TLS do, and what becomes of files that are wrong.</summary>
public sealed class TlsSettingTests : IDisposable
{
    private readonly Certificates files = new();

    public TlsSettingTests() => files.Write("a", ["localhost"]).Dispose();

    public void Dispose() => files.Dispose();

    private string[] Pair(params string[] more) => [$"--certfile={files.At("a.pem")}", $"--keyfile={files.At("a.key")}", .. more];

    private Task<Tool.Ran> CurlAsync(PythonServer server, string path, params string[] more) =>
        Tool.CurlAsync(["--cacert", files.AuthorityFile, .. more, $"https://localhost:{server.PortText}{path}"]);

    private string[] ClientPair(string name) => ["--cert", files.At(name + ".pem"), "--key", files.At(name + ".key")];

    [Fact]
    public async Task Start_WithWrongFiles_TellsAllAndOpensNothing()
    {
        files.Write("b", ["b.test"], password: "secret").Dispose();
        using var folder = new TemporaryFolder();
        var socket = folder.File("s");
        var ended = await PythonProcess.RunAsync(
        [
            "-m", "waitress", "--unix-socket=" + socket, $"--certfile={files.At("a.pem")}", $"--keyfile={files.At("nothing")}",
            $"--certfile={files.At("b.pem")}", $"--keyfile={files.At("b.key")}", "--keyfile-password=hush", $"--ca-certs={files.At("b.key")}", "--client-cert=required", "suite:app",
        ]);
        Assert.Equal(2, ended.Code);
        Assert.Contains("nothing: there is no such file", ended.ErrorText, StringComparison.Ordinal);
        Assert.Contains("b.key: the password does not open it", ended.ErrorText, StringComparison.Ordinal);
        Assert.Contains("ca_certs: ", ended.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", ended.ErrorText, StringComparison.Ordinal);
        Assert.False(File.Exists(socket));
    }

    [Fact]
    public async Task Password_InEnvironmentOrFile_OpensTheKeyAndIsNotShown()
    {
        files.Write("a", ["localhost"], password: "hush").Dispose();
        var environment = new Dictionary<string, string> { ["WAITRESS_KEYFILE_PASSWORD"] = "hush" };
        var shown = await PythonProcess.RunAsync(["-m", "waitress", .. Pair(), "--check-config"], environment: environment);
        Assert.Equal(0, shown.Code);
        Assert.Matches(@"keyfile_password +\(hidden\) +environment WAITRESS_KEYFILE_PASSWORD", shown.OutputText);
        Assert.DoesNotContain("hush", shown.OutputText, StringComparison.Ordinal);
        await using (var server = await PythonServer.StartAsync("suite:app", Pair(), environment: environment))
        {
            Assert.Equal(Expected.Hello, (await CurlAsync(server, "/hello")).Output);
        }

        await File.WriteAllTextAsync(files.At("password"), "hush\n");
        await using (var server = await PythonServer.StartAsync("suite:app", Pair($"--keyfile-password-file={files.At("password")}", "--tls-min-version=1.3")))
        {
            Assert.Equal(Expected.Hello, (await CurlAsync(server, "/hello")).Output);
            Assert.NotEqual(0, (await CurlAsync(server, "/hello", "--tls-max", "1.2")).Code);
        }
    }

    [Fact]
    public async Task ClientCertificate_RequiredOrOptional_IsCheckedAndTold()
    {
        files.Write("client", ["me.test"]).Dispose();
        using var stranger = Certificates.Make("CN=Other CA", null, null, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9), isAuthority: true);
        files.Write("stranger", ["you.test"], issuer: stranger).Dispose();
        files.Write("late", ["me.test"], days: -0.5).Dispose();
        await using var required = await PythonServer.StartAsync("suite:app", Pair($"--ca-certs={files.AuthorityFile}", "--client-cert=required"));
        foreach (var version in new[] { "1.2", "1.3" })
        {
            var ran = await CurlAsync(required, "/environ", [.. ClientPair("client"), "--tls-max", version]);
            Assert.True(ran.Code == 0, ran.Errors);
            var environ = JsonDocument.Parse(ran.Output).RootElement;
            Assert.Equal(("SUCCESS", "CN=client,O=Test", "CN=Test CA"), (environ.GetProperty("SSL_CLIENT_VERIFY")[1].GetString(),
                environ.GetProperty("SSL_CLIENT_S_DN")[1].GetString(), environ.GetProperty("SSL_CLIENT_I_DN")[1].GetString()));
            Assert.Equal((await File.ReadAllTextAsync(files.At("client.pem"))).Trim(), environ.GetProperty("SSL_CLIENT_CERT")[1].GetString()!.Trim());
            Assert.NotEqual(0, (await CurlAsync(required, "/environ", "--tls-max", version)).Code);
            await required.Log.WaitForLog("the client sent no certificate");
        }

        Assert.NotEqual(0, (await CurlAsync(required, "/environ", ClientPair("stranger"))).Code);
        await required.Log.WaitForLog("the client's certificate is not valid (PartialChain)");
        Assert.NotEqual(0, (await CurlAsync(required, "/environ", ClientPair("late"))).Code);
        await required.Log.WaitForLog("the client's certificate is not valid (NotTimeValid)");

        await using var optional = await PythonServer.StartAsync("suite:app", Pair($"--ca-certs={files.AuthorityFile}", "--client-cert=optional"));
        Assert.Equal("NONE", JsonDocument.Parse((await CurlAsync(optional, "/environ")).Output).RootElement.GetProperty("SSL_CLIENT_VERIFY")[1].GetString());
        Assert.Equal("SUCCESS", JsonDocument.Parse((await CurlAsync(optional, "/environ", ClientPair("client"))).Output).RootElement.GetProperty("SSL_CLIENT_VERIFY")[1].GetString());
        Assert.NotEqual(0, (await CurlAsync(optional, "/environ", ClientPair("stranger"))).Code);

        // A resumed session is the same client's, and is told so.
        var session = files.At("session");
        string[] client = ["s_client", "-connect", $"127.0.0.1:{optional.PortText}", "-tls1_2", "-cert", files.At("client.pem"), "-key", files.At("client.key"), "-quiet"];
        await Tool.RunAsync("openssl", [.. client, "-sess_out", session], "GET /environ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        var resumed = await Tool.RunAsync("openssl", [.. client, "-sess_in", session], "GET /environ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.Contains("CN=client,O=Test", resumed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnixSocket_WithCertificate_SpeaksTls()
    {
        using var folder = new TemporaryFolder();
        await using var server = await PythonServer.StartOnAsync(folder.File("s"), "suite:app", Pair());
        var ran = await Tool.CurlAsync("--cacert", files.AuthorityFile, "--unix-socket", folder.File("s"), "https://localhost/environ");
        Assert.True(ran.Code == 0, ran.Errors);
        var environ = JsonDocument.Parse(ran.Output).RootElement;
        Assert.Equal(("https", "HTTP/2"), (environ.GetProperty("wsgi.url_scheme")[1].GetString(), environ.GetProperty("SERVER_PROTOCOL")[1].GetString()));
    }

    [Theory]
    [InlineData("1", "HTTP/1.1")]
    [InlineData("2", "HTTP/2")]
    public async Task Http_OneVersionOverTls_IsTheOnlyOneOffered(string version, string protocol)
    {
        await using var server = await PythonServer.StartAsync("suite:app", Pair("--http=" + version));
        Assert.Equal(protocol, JsonDocument.Parse((await CurlAsync(server, "/environ")).Output).RootElement.GetProperty("SERVER_PROTOCOL")[1].GetString());
        if (version == "2")
        {
            Assert.NotEqual(0, (await CurlAsync(server, "/environ", "--http1.1")).Code);
            Assert.Contains("505", (await CurlAsync(server, "/environ", "--no-alpn", "--http1.1", "-i")).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Renewal_UnderLoad_BreaksNothingAndIsServed()
    {
        await using var server = await PythonServer.StartAsync("suite:app", Pair("--threads=4"));
        using var open = server.Https(new Version(1, 1)); // one connection from before
        Assert.Equal(Expected.Hello, await open.GetStringAsync("/hello"));
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 4).Select(async index =>
        {
            var served = 0;
            while (!stop.IsCancellationRequested)
            {
                using var http = server.Https(new Version(index % 2 + 1, index % 2 == 0 ? 1 : 0));
                for (var turn = 0; turn < 5; turn++, served++)
                {
                    Assert.Equal(Expected.Hello, await http.GetStringAsync("/hello"));
                }
            }

            return served;
        }).ToArray();

        using var renewed = files.Write("a", ["localhost"]);
        await server.Log.WaitForLog("TLS certificate for localhost was renewed");
        Assert.Contains(renewed.SerialNumber, (await CurlAsync(server, "/environ")).Output, StringComparison.Ordinal);
        await File.WriteAllTextAsync(files.At("a.pem"), "nonsense");
        await server.Log.WaitForLog("can't be used, so what was read before stays in force: certfile: ");
        Assert.Contains(renewed.SerialNumber, (await CurlAsync(server, "/environ")).Output, StringComparison.Ordinal);
        files.Write("a", ["localhost"]).Dispose();
        await Deadline.Until(() => server.Log.Lines.Count(line => line.Contains("was renewed", StringComparison.Ordinal)) == 2, "the second renewal");
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(load), served => Assert.NotEqual(0, served));
        Assert.Single(server.Log.Lines, line => line.Contains("stays in force", StringComparison.Ordinal));
        Assert.Equal(Expected.Hello, await open.GetStringAsync("/hello"));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Workers_OfClassProcess_ServeAndRenewEachByItself()
    {
        await using var server = await PythonServer.StartAsync("suite:app", Pair("--worker-class=process", "--workers=2"));
        Assert.StartsWith("https://", Assert.Single(server.Addresses()), StringComparison.Ordinal);
        Assert.Equal(Expected.Hello, (await CurlAsync(server, "/hello")).Output);
        await Deadline.Until(() => server.Log.Lines.Count(line => line.Contains("is valid until", StringComparison.Ordinal)) == 2, "both workers serve");
        using var renewed = files.Write("a", ["localhost"]);
        server.Process.Signal(PythonProcess.Sigusr1);
        await Deadline.Until(() => server.Log.Lines.Count(line => line.Contains("was renewed", StringComparison.Ordinal)) == 2, "both workers renew");
        for (var turn = 0; turn < 6; turn++)
        {
            Assert.Contains(renewed.SerialNumber, (await CurlAsync(server, "/environ")).Output, StringComparison.Ordinal);
        }

        Assert.Equal(0, await server.StopAsync());
    }
}
