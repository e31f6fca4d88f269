using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Telemetry;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.Guards;

public sealed class AccessListsTests : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(2);

    private readonly string _folder = Directory.CreateTempSubdirectory("w").FullName;
    private readonly ManualTime _time = new();
    private readonly (Socket Reader, Socket Writer) _wake = MailboxTests.Connected();
    private readonly Mailbox _log;

    public AccessListsTests() => _log = new Mailbox((int)_wake.Writer.Handle);

    public void Dispose()
    {
        _log.Dispose();
        _wake.Reader.Dispose();
        _wake.Writer.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("", "", "10.0.0.1", true)]
    [InlineData("10.0.0.1", "", "10.0.0.1", false)]
    [InlineData("10.0.0.1", "", "10.0.0.2", true)]
    [InlineData("", "10.0.0.1", "10.0.0.1", true)]
    [InlineData("", "10.0.0.1", "10.0.0.2", false)]
    [InlineData("10.0.0.1", "10.0.0.0/8", "10.0.0.1", false)]
    [InlineData("10.0.0.0/8", "10.0.0.1", "10.0.0.1", false)]
    [InlineData("10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.2", true)]
    [InlineData("", "10.0.0.0/8", "::1", false)]
    public void Admits_Address_DenyWinsOverAllowAndAllowShutsOutTheRest(string deny, string allow, string address, bool admitted)
    {
        using var lists = Lists(deny, allow);
        Assert.Equal(admitted, lists.Admits(IPAddress.Parse(address)));
    }

    /// <summary>A peer on a unix socket has no address; one that a proxy calls by a name can't have been allowed.</summary>
    [Theory]
    [InlineData("0.0.0.0/0", "", false, true)]
    [InlineData("0.0.0.0/0", "", true, true)]
    [InlineData("", "10.0.0.1", false, true)]
    [InlineData("", "10.0.0.1", true, false)]
    public void Admits_NoAddress_AllowDecidesOfNames(string deny, string allow, bool isNamed, bool admitted)
    {
        using var lists = Lists(deny, allow);
        Assert.Equal(admitted, lists.Admits(null, isNamed));
    }

    [Fact]
    public void File_WithCommentsAndEmptyLines_IsReadAndMeansWhatStandsInIt()
    {
        var path = Write("# networks\r\n10.0.0.0/8 # ours\n\n  \t\n2001:db8::/32\n");
        using var lists = Lists("192.0.2.1", "@" + path);
        Assert.True(lists.Admits(IPAddress.Parse("10.1.1.1")));
        Assert.True(lists.Admits(IPAddress.Parse("2001:db8::1")));
        Assert.False(lists.Admits(IPAddress.Parse("192.0.2.2")));
    }

    [Theory]
    [InlineData("10.0.0.1\nnonsense\n", "line 2")]
    [InlineData("10.0.0.1/8\n", "line 1")]
    [InlineData("10.0.0.1 10.0.0.2\n", "line 1")]
    [InlineData(null, "no such file")]
    public void File_Broken_CanNotBeOpened(string? content, string reason)
    {
        var path = content is null ? Path.Combine(_folder, "missing") : Write(content);
        Assert.Null(AddressFile.Open(path, out var error));
        Assert.Contains(path, error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => Lists("@" + path, ""));
    }

    [Fact]
    public void File_OfOneMillionAndOne_IsRefused()
    {
        var path = Write(string.Concat(Enumerable.Repeat("10.0.0.1\n", AddressFile.MostEntries + 1)));
        Assert.Null(AddressFile.Open(path, out var error));
        Assert.Contains("more than 1000000 entries", error, StringComparison.Ordinal);
    }

    [Fact]
    public void File_AFolder_IsRefused()
    {
        Assert.Null(AddressFile.Open(_folder, out var error));
        Assert.Contains("can't be read", error, StringComparison.Ordinal);
    }

    [Fact]
    public void File_Changed_CountsOnceItRestsAndIsTold()
    {
        var path = Write("10.0.0.1\n");
        using var lists = Lists("@" + path, "");
        var (one, two) = (IPAddress.Parse("10.0.0.1"), IPAddress.Parse("10.0.0.2"));
        _time.Advance(Look);
        Assert.Empty(_log.Take());

        Write("10.0.0.2\n10.0.0.3\n10.0.0.9\n", path, age: 1);
        _time.Advance(Look); // Seen; it may be that it is just being written.
        Assert.False(lists.Admits(one));
        _time.Advance(Look);
        Assert.True(lists.Admits(one));
        Assert.False(lists.Admits(two));
        Assert.Equal([LogEvent.ListRead.Write(RawPath(path), 2)], _log.Take().Select(entry => entry.Text));
        _time.Advance(Look);
        Assert.Empty(_log.Take());
    }

    [Fact]
    public void File_ReplacedByAnother_IsRead()
    {
        var path = Write("10.0.0.1\n");
        using var lists = Lists("@" + path, "");
        File.Move(Write("10.0.0.2\n", Path.Combine(_folder, "new"), age: 2), path, overwrite: true);
        _time.Advance(Look);
        _time.Advance(Look);
        Assert.True(lists.Admits(IPAddress.Parse("10.0.0.1")));
        Assert.False(lists.Admits(IPAddress.Parse("10.0.0.2")));
    }

    [Fact]
    public void File_ReplacedByOneOfTheSameLengthAndTime_IsRead()
    {
        var path = Write("10.0.0.1\n");
        var at = File.GetLastWriteTimeUtc(path);
        using var lists = Lists("@" + path, "");
        File.WriteAllText(path, "10.0.0.2\n");
        File.SetLastWriteTimeUtc(path, at);
        _time.Advance(Look);
        _time.Advance(Look);
        Assert.False(lists.Admits(IPAddress.Parse("10.0.0.2")));
    }

    /// <summary>As Kubernetes replaces what is mounted: neither the link nor anything in either folder changes.</summary>
    [Fact]
    public void File_BehindALinkThatIsTurned_IsRead()
    {
        var at = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        foreach (var (folder, address) in new[] { ("one", "10.0.0.1\n"), ("two", "10.0.0.2\n") })
        {
            Directory.CreateDirectory(Path.Combine(_folder, folder));
            var file = Path.Combine(_folder, folder, "list");
            File.WriteAllText(file, address);
            File.SetLastWriteTimeUtc(file, at);
        }

        Directory.CreateSymbolicLink(Path.Combine(_folder, "data"), "one");
        var path = File.CreateSymbolicLink(Path.Combine(_folder, "list"), Path.Combine("data", "list")).FullName;
        using var lists = Lists("@" + path, "");
        Assert.False(lists.Admits(IPAddress.Parse("10.0.0.1")));
        Directory.Delete(Path.Combine(_folder, "data"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "data"), "two");
        _time.Advance(Look);
        _time.Advance(Look);
        Assert.True(lists.Admits(IPAddress.Parse("10.0.0.1")));
        Assert.False(lists.Admits(IPAddress.Parse("10.0.0.2")));
    }

    [Theory]
    [InlineData("10.0.0.2\nhalf a li")]
    [InlineData(null)]
    public void File_BrokenOrGone_KeepsTheFormerListAndSaysSoOnce(string? content)
    {
        var path = Write("10.0.0.1\n");
        using var lists = Lists("@" + path, "");
        if (content is null)
            File.Delete(path);
        else
            Write(content, path, age: 1);
        for (var look = 0; look < 4; look++)
            _time.Advance(Look);
        var entry = Assert.Single(_log.Take());
        Assert.Equal(LogEvent.ListBroken, entry.Event);
        Assert.False(lists.Admits(IPAddress.Parse("10.0.0.1")));
        Assert.True(lists.Admits(IPAddress.Parse("10.0.0.2")));

        Write("10.0.0.2\n", path, age: 2);
        _time.Advance(Look);
        _time.Advance(Look);
        Assert.Equal(LogEvent.ListRead, Assert.Single(_log.Take()).Event);
        Assert.False(lists.Admits(IPAddress.Parse("10.0.0.2")));
    }

    [Fact]
    public void File_StillBeingWritten_IsLeftUntilItRests()
    {
        var path = Write("10.0.0.1\n");
        using var lists = Lists("@" + path, "");
        for (var turn = 1; turn < 5; turn++)
        {
            Write(string.Concat(Enumerable.Repeat("10.0.0.2\n", turn)), path, age: turn);
            _time.Advance(Look);
            Assert.False(lists.Admits(IPAddress.Parse("10.0.0.1")));
        }

        _time.Advance(Look);
        Assert.True(lists.Admits(IPAddress.Parse("10.0.0.1")));
    }

    private static string RawPath(string path) => path;

    private AccessLists Lists(string deny, string allow) => new(
        new Settings { Deny = Items(deny), Allow = Items(allow) }, _log, _time);

    private static ValueList<string> Items(string text) => new(text.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    // The age makes sure that the time of a change differs, whatever the file system's clock counts in.
    private string Write(string text, string? path = null, int age = 0)
    {
        path ??= Path.Combine(_folder, "list");
        File.WriteAllText(path, text);
        if (age > 0)
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(-age));
        return path;
    }
}
