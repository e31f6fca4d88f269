using Waitress.Configuration;
using Waitress.Telemetry;
using Waitress.Tests.Telemetry;
using Waitress.Tls;

namespace Waitress.Tests.Tls;

/// <summary>Renewal as seen by the clock: files change between two looks.</summary>
public sealed class CertificateWatchTests : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(3);

    private readonly Certificates files = new();
    private readonly ManualTime time = new();
    private readonly (System.Net.Sockets.Socket Reader, System.Net.Sockets.Socket Writer) wake = MailboxTests.Connected();
    private readonly Mailbox log;

    public CertificateWatchTests() => log = new Mailbox((int)wake.Writer.Handle);

    public void Dispose()
    {
        log.Dispose();
        wake.Reader.Dispose();
        wake.Writer.Dispose();
        files.Dispose();
    }

    private CertificateWatch Watch(Settings? settings = null)
    {
        var errors = new List<string>();
        var loaded = CertificateFiles.Open(settings ?? new Settings { Certfile = [files.At("a.pem")], Keyfile = [files.At("a.key")] }, errors);
        Assert.Empty(errors);
        var watch = new CertificateWatch(loaded!, time, log);
        watch.Start();
        return watch;
    }

    private int[] Told() => [.. log.Take().Select(entry => entry.Event.Id)];

    [Fact]
    public void Look_NewPair_IsInForceAndTold()
    {
        files.Write("a", ["a.test"]).Dispose();
        using var watch = Watch();
        Assert.Equal([141], Told());
        time.Advance(s_look);
        Assert.Empty(Told());
        using var renewed = files.Write("a", ["a.test", "b.test"]);
        time.Advance(s_look);
        Assert.Equal([145], Told());
        Assert.Equal(renewed.Thumbprint, watch.Current.Select("a.test").Leaf.Thumbprint);
        time.Advance(s_look);
        Assert.Empty(Told());
    }

    [Fact]
    public void Look_PairWhoseKeyComesLater_IsNotTakenForBroken()
    {
        using var first = files.Write("a", ["a.test"]);
        using var watch = Watch();
        Told();
        using var renewed = files.Write("b", ["a.test"]);
        File.Copy(files.At("b.pem"), files.At("a.pem"), overwrite: true);
        time.Advance(s_look);
        Assert.Empty(Told());
        Assert.Equal(first.Thumbprint, watch.Current.Select(null).Leaf.Thumbprint);
        File.Copy(files.At("b.key"), files.At("a.key"), overwrite: true);
        time.Advance(s_look);
        Assert.Equal([145], Told());
        Assert.Equal(renewed.Thumbprint, watch.Current.Select(null).Leaf.Thumbprint);
    }

    [Fact]
    public void Look_BrokenPair_KeepsTheOldAndSaysSoOncePerChange()
    {
        using var first = files.Write("a", ["a.test"]);
        using var watch = Watch();
        Told();
        File.WriteAllText(files.At("a.key"), "nonsense");
        time.Advance(s_look);
        Assert.Empty(Told());
        time.Advance(s_look);
        var entry = Assert.Single(log.Take());
        Assert.Equal(146, entry.Event.Id);
        Assert.Contains("a.key: there is no private key in it", entry.Text, StringComparison.Ordinal);
        time.Advance(s_look);
        time.Advance(s_look);
        Assert.Empty(Told());
        File.WriteAllText(files.At("a.key"), "other nonsense");
        watch.LookNow();
        Assert.Equal([146], Told());
        File.Delete(files.At("a.key"));
        time.Advance(s_look);
        time.Advance(s_look);
        Assert.Equal([146], Told());
        Assert.Equal(first.Thumbprint, watch.Current.Select(null).Leaf.Thumbprint);
        files.Write("a", ["a.test"]).Dispose();
        time.Advance(s_look);
        Assert.Equal([145], Told());
    }

    [Theory]
    [InlineData(false)] // certbot: the file is a link, which is pointed elsewhere
    [InlineData(true)] // Kubernetes: the folder is
    public void Look_LinkThatLeadsElsewhere_IsARenewal(bool folder)
    {
        files.Write("a", ["a.test"]).Dispose();
        var (one, two) = (Directory.CreateDirectory(files.At("1")).FullName, Directory.CreateDirectory(files.At("2")).FullName);
        File.Move(files.At("a.pem"), Path.Combine(one, "a.pem"));
        File.Move(files.At("a.key"), Path.Combine(one, "a.key"));
        using var renewed = files.Write("a", ["a.test"]);
        File.Move(files.At("a.pem"), Path.Combine(two, "a.pem"));
        File.Move(files.At("a.key"), Path.Combine(two, "a.key"));
        Point(one);
        using var watch = Watch();
        Told();
        Point(two);
        time.Advance(s_look);
        Assert.Equal([145], Told());
        Assert.Equal(renewed.Thumbprint, watch.Current.Select(null).Leaf.Thumbprint);

        void Point(string target)
        {
            var names = folder ? new[] { "data" } : ["a.pem", "a.key"];
            foreach (var name in names)
            {
                File.Delete(files.At(name));
                File.CreateSymbolicLink(files.At(name), folder ? target : Path.Combine(target, name));
            }

            if (folder && !File.Exists(files.At("a.pem")))
            {
                File.CreateSymbolicLink(files.At("a.pem"), files.At("data/a.pem"));
                File.CreateSymbolicLink(files.At("a.key"), files.At("data/a.key"));
            }
        }
    }

    [Fact]
    public void Look_OneOfTwoPairsBroken_RenewsTheOther()
    {
        using var a = files.Write("a", ["a.test"]);
        files.Write("b", ["b.test"]).Dispose();
        using var watch = Watch(new Settings { Certfile = [files.At("a.pem"), files.At("b.pem")], Keyfile = [files.At("a.key"), files.At("b.key")] });
        Told();
        File.WriteAllText(files.At("a.pem"), "nonsense");
        using var b = files.Write("b", ["b.test"]);
        watch.LookNow();
        Assert.Equal([146, 145], Told());
        Assert.Equal((a.Thumbprint, b.Thumbprint), (watch.Current.Select("a.test").Leaf.Thumbprint, watch.Current.Select("b.test").Leaf.Thumbprint));
    }

    [Fact]
    public void Look_AuthoritiesAndPassword_AreFilesLikeOthers()
    {
        files.Write("a", ["a.test"], password: "one").Dispose();
        File.WriteAllText(files.At("password"), "one\n");
        using var watch = Watch(new Settings
        {
            Certfile = [files.At("a.pem")],
            Keyfile = [files.At("a.key")],
            KeyfilePasswordFile = files.At("password"),
            CaCerts = files.AuthorityFile,
            ClientCert = Settings.ClientCertOptional,
        });
        Told();
        File.AppendAllText(files.AuthorityFile, "\n" + File.ReadAllText(files.AuthorityFile));
        time.Advance(s_look);
        Assert.Equal([147], Told());
        files.Write("a", ["a.test"], password: "other").Dispose();
        time.Advance(s_look);
        Assert.Empty(Told());
        File.WriteAllText(files.At("password"), "other\n");
        time.Advance(s_look);
        Assert.Equal([145], Told());
    }

    [Fact]
    public void Remind_CertificateNearItsEnd_OnceADay()
    {
        files.Write("a", ["a.test"], days: 15.5).Dispose();
        using var watch = Watch();
        Assert.Equal([141], Told());
        time.Advance(TimeSpan.FromDays(1));
        Assert.Empty(Told());
        time.Advance(TimeSpan.FromDays(1));
        var entry = Assert.Single(log.Take());
        Assert.Equal(142, entry.Event.Id);
        Assert.Contains("ends in 13 day(s)", entry.Text, StringComparison.Ordinal);
        time.Advance(s_look);
        Assert.Empty(Told());
        time.Advance(TimeSpan.FromDays(14));
        Assert.Equal([143], Told());
    }

    [Fact]
    public void Start_CertificateThatIsNotValid_SaysSo()
    {
        files.Write("a", ["a.test"], days: -0.5).Dispose();
        using (Watch())
            Assert.Equal([141, 143], Told());
        files.Write("a", ["a.test"], from: 1).Dispose();
        using (Watch())
            Assert.Equal([141, 144], Told());
    }
}
