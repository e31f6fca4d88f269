using System.Globalization;
using System.Text;

namespace Waitress.AccessLogging;

/// <summary>Dates as bytes, made once per second. Any thread may ask.</summary>
internal sealed class LineClock(TimeProvider time)
{
    private volatile Second _second = new(-1, [], []);

    private sealed record Second(long At, byte[] Common, byte[] Iso);

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>[10/Oct/2000:13:55:36 -0700]: local time, with its brackets, as Apache and Gunicorn write it.</summary>
    public ReadOnlySpan<byte> Common(DateTimeOffset now) => Of(now).Common;

    /// <summary>2000-10-10T20:55:36.123Z: universal time, RFC 3339.</summary>
    public void WriteIso(LineBuffer line, DateTimeOffset now)
    {
        line.Add(Of(now).Iso);
        var thousandth = now.Millisecond;
        line.Add([(byte)'.', (byte)('0' + (thousandth / 100)), (byte)('0' + (thousandth / 10 % 10)), (byte)('0' + (thousandth % 10)), (byte)'Z']);
    }

    private Second Of(DateTimeOffset now)
    {
        var at = now.ToUnixTimeSeconds();
        var known = _second;
        if (known.At == at)
            return known;
        var local = now.ToOffset(time.LocalTimeZone.GetUtcOffset(now));
        var sign = local.Offset < TimeSpan.Zero ? '-' : '+';
        var common = string.Create(CultureInfo.InvariantCulture, $"[{local:dd/MMM/yyyy:HH:mm:ss} {sign}{local.Offset:hhmm}]");
        var iso = now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture);
        return _second = new Second(at, Encoding.ASCII.GetBytes(common), Encoding.ASCII.GetBytes(iso));
    }
}
