using System.Buffers;
using System.Buffers.Binary;

namespace Waitress.Http;

/// <summary>
/// Counts the frames of an HTTP/2 connection that ask for work and bring no request on: pings, settings, priorities, frames of unknown types, and
/// those without content but padding. Kestrel bounds streams, resets and header lists, but answers such frames for as long as the client likes
/// (CVE-2019-9512, -9513, -9515, -9518). Sees the bytes in any division, in linear time, and keeps none. Resets and window updates are not
/// counted: a client that reads much, for many users, sends many of them.
/// </summary>
internal sealed class FrameMeter(TimeProvider clock)
{
    /// <summary>So many at once, and so many in each second on end: a browser sends some with each request, a keep-alive one in seconds.</summary>
    public const int Burst = 2_000, PerSecond = 500;

    private const int HeaderLength = 9; // RFC 9113 section 4.1

    private const byte EndStream = 1, Padded = 8;

    private readonly byte[] _header = new byte[HeaderLength];
    private int _seen; // Bytes of the header.
    private uint _payload; // Bytes that are still to come of the frame.
    private readonly TableSize _settings = new();
    private bool _inSettings, _padded;
    private double _allowance = Burst;
    private long _since = clock.GetTimestamp();

    private enum FrameType : byte
    {
        Data = 0,
        Headers = 1,
        Reset = 3,
        Settings = 4,
        WindowUpdate = 8,
        Continuation = 9,
    }

    /// <summary>Whether there were too many.</summary>
    public bool IsFlooded { get; private set; }

    /// <summary>Whether the client has asked for a smaller table of header fields than the default.</summary>
    public bool HasSmallTable => _settings.HasSmallTable;

    /// <summary>Takes the next bytes, behind the preface.</summary>
    public void Scan(ReadOnlySequence<byte> bytes)
    {
        foreach (var segment in bytes)
            Scan(segment.Span);
    }

    private void Scan(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !IsFlooded)
        {
            if (_padded && _payload > 0)
            {
                // RFC 9113 section 6.1: a byte that tells how much of the rest is padding.
                _padded = false;
                if (bytes[0] == _payload - 1)
                    Charge();
            }

            if (_payload > 0)
            {
                var skipped = (int)Math.Min(_payload, (uint)bytes.Length);
                _payload -= (uint)skipped;
                if (_inSettings)
                    _settings.Take(bytes[..skipped]);
                bytes = bytes[skipped..];
                continue;
            }

            var taken = Math.Min(HeaderLength - _seen, bytes.Length);
            bytes[..taken].CopyTo(_header.AsSpan(_seen));
            bytes = bytes[taken..];
            _seen += taken;
            if (_seen < HeaderLength)
                return;
            _seen = 0;
            _payload = BinaryPrimitives.ReadUInt32BigEndian(_header) >> 8;
            _inSettings = (FrameType)_header[3] == FrameType.Settings;
            if (_inSettings)
                _settings.Begin();
            _padded = (FrameType)_header[3] == FrameType.Data && (_header[4] & (Padded | EndStream)) == Padded;
            if (IsIdle((FrameType)_header[3], _header[4]))
                Charge();
        }
    }

    private bool IsIdle(FrameType type, byte flags) => type switch
    {
        FrameType.Data => _payload == 0 && (flags & EndStream) == 0,
        FrameType.Headers or FrameType.Continuation => _payload == 0,
        FrameType.Reset or FrameType.WindowUpdate => false,
        _ => true,
    };

    private void Charge()
    {
        var now = clock.GetTimestamp();
        _allowance = Math.Min(Burst, _allowance + (clock.GetElapsedTime(_since, now).TotalSeconds * PerSecond)) - 1;
        _since = now;
        IsFlooded = _allowance < 0;
    }
}
