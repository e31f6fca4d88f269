using System.Globalization;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>The units of deploy/systemd: judged by systemd's own programs, which need no running systemd, and lived in as far as that goes.</summary>
public sealed partial class SystemdFilesTests
{
    [Fact]
    public async Task Units_AsInstalled_AreVerifiedWithoutAWord()
    {
        using var folder = new TemporaryFolder();

        // verify wants the program to exist.
        var service = folder.Write("waitress.service", DeployFile.Read("systemd/waitress.service", ("/srv/app/venv/bin/waitress-serve", "/bin/true")));
        var socket = folder.Write("waitress.socket", DeployFile.Read("systemd/waitress.socket"));
        var (code, output) = await DeployFile.RunAsync("systemd-analyze", "verify", service, socket);
        Assert.Equal((0, ""), (code, OfTheUnits(output)));

        var (bad, said) = await DeployFile.RunAsync(
            "systemd-analyze", "verify", folder.Write("wrong.service", File.ReadAllText(service).Replace("ProtectClock=", "ProtectClok=", StringComparison.Ordinal)));
        Assert.Contains("ProtectClok", said + bad.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_AsInstalled_IsExposedLittle()
    {
        using var folder = new TemporaryFolder();
        var service = folder.Write("waitress.service", DeployFile.Read("systemd/waitress.service"));
        var (code, output) = await DeployFile.RunAsync("systemd-analyze", "security", "--offline=true", "--no-pager", service);
        Assert.True(code == 0, output);

        // 10 is a service without any hardening; below 2 systemd itself says "OK".
        var exposure = double.Parse(Exposure().Match(output).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        Assert.InRange(exposure, 0.1, 2.0);
    }

    /// <summary>
    /// The system calls that the unit allows, and no memory that is written and run: workers, threads that grow, a reload, a memory report and the stop,
    /// under a filter that is made of the unit's own lines as systemd makes it.
    /// </summary>
    [Fact]
    public async Task Service_UnderTheUnitsSystemCallFilter_ServesReloadsAndStops()
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("control.sock");
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(
        [
            "hardened.py", DeployFile.Path("systemd/waitress.service"), "-m", "waitress", "--listen=127.0.0.1:0", "-w2", "-kprocess", "--threads=2",
            "--max-threads=8", "--max-memory=1G", "--request-timeout=30", "--control-socket=" + socket, "suite:app",
        ]));
        Assert.Contains(server.Log.Lines, line => line.StartsWith("MARK filtered ", StringComparison.Ordinal));
        for (var turn = 0; turn < 10; turn++)
        {
            await server.AssertServesAsync();
        }

        using (var client = await server.ConnectAsync())
        {
            var body = Pattern.Bytes(2_000_000); // through a temporary file
            await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
            await client.SendAsync(body);
            Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        }

        foreach (var command in new[] { "memory", "stacks", "reload", "status" })
        {
            var ended = await PythonProcess.RunAsync(["-m", "waitress.ctl", "--socket", socket, command]);
            Assert.True(ended.Code == 0, $"{command}: {ended.ErrorText}\n{server.Log.Text}");
        }

        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Logrotate_WithTheFileAsInstalled_TurnsTheLogsOfARunningServer()
    {
        using var folder = new TemporaryFolder();
        var me = Environment.UserName;
        var log = folder.File("log/access.log");
        Directory.CreateDirectory(folder.File("log"));
        File.SetUnixFileMode(folder.File("log"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var server = await PythonServer.StartAsync("suite:app", ["--access-logfile=" + log]);
        await server.AssertServesAsync();
        await Deadline.Until(() => File.Exists(log) && new FileInfo(log).Length > 0, "a line is in the log");
        var file = folder.Write("waitress", DeployFile.Read(
            "logrotate/waitress", ("/var/log/waitress/", folder.Path + "/log/"), ("create 0640 app app", $"create 0640 {me} {me}"), ("su app app", $"su {me} {me}")));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var (code, output) = await DeployFile.RunAsync("logrotate", "-d", "-s", folder.File("state"), file);
        Assert.True(code == 0, output);
        Assert.DoesNotContain("error", output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("considering log " + log, output, StringComparison.Ordinal);

        (code, output) = await DeployFile.RunAsync("logrotate", "-f", "-s", folder.File("state"), file);
        Assert.True(code == 0, output);
        var turned = Assert.Single(Directory.GetFiles(folder.File("log")), path => path != log);
        Assert.Single(File.ReadAllLines(turned));
        await Deadline.Until(
            async () =>
            {
                await server.AssertServesAsync();
                return new FileInfo(log).Length > 0;
            },
            "lines are in the new file");
    }

    // Units of the machine may have faults of their own, which verify tells as well.
    private static string OfTheUnits(string output) =>
        string.Join('\n', output.Split('\n').Where(line => line.Contains("waitress", StringComparison.Ordinal)));

    [GeneratedRegex(@"Overall exposure level for .*: ([\d.]+) ")]
    private static partial Regex Exposure();
}
