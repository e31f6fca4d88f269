using System.Globalization;
using System.Net;
using System.Text;
using Waitress.Configuration;
using Waitress.Http;

namespace Waitress.AccessLogging;

/// <summary>What is the same for every line of a process.</summary>
internal sealed class AccessLogPlace(Settings settings, string? worker)
{
    public Settings Settings => settings;

    /// <summary>The name of the worker process, as the supervisor's log has it; null without a supervisor.</summary>
    public string? Worker => worker;

    /// <summary>The process id in digits.</summary>
    public byte[] Pid { get; } = Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
}

/// <summary>One request that has ended, as the atoms see it; exactly one of the two is there.</summary>
internal readonly struct AccessEntry(AccessLogPlace place, Exchange? exchange, RefusedRequest? refused, LineClock clock)
{
    /// <summary>What a number is that is not known.</summary>
    public const long Unknown = -1;

    private static readonly double Microseconds = 1_000_000.0 / TimeProvider.System.TimestampFrequency;

    public AccessLogPlace Place => place;

    public Exchange? Exchange => exchange;

    public RefusedRequest? Refused => refused;

    /// <summary>The moment of the line.</summary>
    public DateTimeOffset Now { get; } = clock.Now;

    public LineClock Clock => clock;

    /// <summary>The same moment, as a timestamp.</summary>
    public long Ended { get; } = TimeProvider.System.GetTimestamp();

    /// <summary>The client's address: what a trusted proxy said, else the peer's.</summary>
    public ReadOnlySpan<char> Remote => exchange is not null ? exchange.Client.RemoteAddr ?? exchange.Peer.Host : RefusedAddress(refused!.Remote);

    public int Status => exchange?.Response.Status ?? refused!.Status;

    /// <summary>Whole microseconds between two moments of the request; unknown when it did not come so far.</summary>
    public static long Between(long from, long to) => from == 0 || to == 0 ? Unknown : ToMicroseconds(Math.Max(to - from, 0));

    /// <summary>Whole microseconds of a time in timestamp units.</summary>
    public static long ToMicroseconds(long units) => (long)(units * Microseconds);

    private static string? RefusedAddress(EndPoint? remote) => remote switch
    {
        IPEndPoint ip => PeerAddress.TextOf(ip.Address),
        null => null,
        _ => "localhost", // As PeerAddress has it for a unix socket.
    };
}
