using System.Security.Cryptography.X509Certificates;
using Waitress.Telemetry;

namespace Waitress.Tls;

/// <summary>
/// The certificates in force. Looks at their files every few seconds: a renewed pair is read and checked as a whole and then takes the old
/// one's place for new connections, a broken one never does. Says which certificates there are, and when they are about to end.
/// Every handshake reads <see cref="Current"/>; looks are on the timer's thread, one at a time.
/// </summary>
internal sealed class CertificateWatch : IDisposable
{
    // Soon enough for whoever waits for a renewal to be seen; a look costs some calls of stat().
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(3);

    // Certificates of 90 days are renewed a month before their end: two weeks before it, something does not work.
    private static readonly TimeSpan Soon = TimeSpan.FromDays(14);
    private static readonly TimeSpan Reminder = TimeSpan.FromDays(1);

    private readonly Lock _look = new();
    private readonly CertificateFiles _files;
    private readonly TimeProvider _clock;
    private readonly Mailbox _log;
    private readonly ITimer _timer;
    private readonly WatchedFiles<CertificatePair>[] _pairs;
    private readonly WatchedFiles<X509Certificate2Collection>? _authorities;
    private volatile CertificateSet _current;
    private DateTimeOffset _reminded;

    public CertificateWatch(LoadedCertificates first, TimeProvider clock, Mailbox log)
    {
        (_files, _clock, _log) = (first.Files, clock, log);
        _current = _files.Make(first.Pairs.Select(pair => pair.Value), first.Authorities?.Value);
        _pairs = [.. first.Pairs.Select((pair, i) => new WatchedFiles<CertificatePair>(
            $"certificate for {_current.All[i].Title}", _files.FilesOf(i), pair, (out string? error) => _files.LoadPair(i, out error), Kept))];
        if (first.Authorities is { } authorities)
        {
            _authorities = new WatchedFiles<X509Certificate2Collection>(
                "authorities of client certificates", _files.FilesOfAuthorities, authorities, (out string? error) => _files.LoadAuthorities(out error), Kept);
        }

        _timer = clock.CreateTimer(static state => ((CertificateWatch)state!).Look(patient: true), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public CertificateSet Current => _current;

    /// <summary>Tells what there is, and begins to look.</summary>
    public void Start()
    {
        foreach (var certificate in _current.All)
            _log.Post(LogEvent.Certificate, certificate.Title, certificate.Subject, Day(certificate.Ends));
        Remind();
        _timer.Change(Period, Period);
    }

    /// <summary>Looks at the files now; what is broken is told at once.</summary>
    public void LookNow() => Look(patient: false);

    public void Dispose() => _timer.Dispose();

    private void Look(bool patient)
    {
        // A file system that hangs may make a look take longer than the pause between two.
        if (!_look.TryEnter())
            return;
        try
        {
            Renew(patient);
            Remind();
        }
        catch (Exception e)
        {
            _log.Post(LogEvent.EngineFault, e);
        }
        finally
        {
            _look.Exit();
        }
    }

    private void Renew(bool patient)
    {
        var before = _current;
        var read = Array.ConvertAll(_pairs, pair => pair.Look(patient));
        var authorities = _authorities?.Look(patient) ?? false;
        if (!authorities && !read.Contains(true))
            return;
        var next = _files.Make(_pairs.Select(pair => pair.Value), _authorities?.Value);
        _current = next;
        for (var i = 0; i < read.Length; i++)
        {
            // Files that are written while they are read, or written again, bring nothing new.
            if (read[i] && before.All[i].Leaf.Thumbprint != next.All[i].Leaf.Thumbprint)
                _log.Post(LogEvent.CertificateRenewed, next.All[i].Title, next.All[i].Subject, Day(next.All[i].Ends));
        }

        if (authorities)
            _log.Post(LogEvent.AuthoritiesRenewed, _authorities!.Value.Count);
        _reminded = default;
    }

    private void Kept(string what, string error) => _log.Post(LogEvent.CertificateKept, what, error);

    // Once a day, and at once for what has just come into force.
    private void Remind()
    {
        var now = _clock.GetUtcNow();
        if (now - _reminded < Reminder)
            return;
        _reminded = now;
        foreach (var certificate in _current.All)
        {
            var left = certificate.Ends - now.UtcDateTime;
            if (left <= TimeSpan.Zero)
                _log.Post(LogEvent.CertificateEnded, certificate.Title, Day(certificate.Ends));
            else if (left <= Soon)
                _log.Post(LogEvent.CertificateEnds, certificate.Title, (int)left.TotalDays, Day(certificate.Ends));
            else if (certificate.Leaf.NotBefore.ToUniversalTime() > now.UtcDateTime)
                _log.Post(LogEvent.CertificateBegins, certificate.Title, Day(certificate.Leaf.NotBefore.ToUniversalTime()));
        }
    }

    private static string Day(DateTime time) => time.ToString("yyyy-MM-dd HH:mm 'UTC'", System.Globalization.CultureInfo.InvariantCulture);
}
