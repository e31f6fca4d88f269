using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;
using Waitress.Configuration;
using Waitress.Http;

namespace Waitress.Response;

/// <summary>
/// What a slow client has not taken yet: an unlinked temporary file between the Python thread, which appends, and a pump,
/// which moves it to Kestrel's pipe at the client's pace. While the pump runs it alone writes to the pipe; the
/// lock guards the hand-over from one to the other. The file is a ring: it never grows beyond outbuf_high_watermark and a block,
/// however long the answer is.
/// </summary>
internal sealed class Backlog : IDisposable
{
    /// <summary>The most that is added or moved at once.</summary>
    public const int Block = 65_536;

    private readonly Lock _gate = new();
    private readonly PipeWriter _pipe;
    private readonly Exchange _exchange;
    private readonly Settings _settings;
    private readonly long _ring;
    private readonly ManualResetEventSlim _room = new(true);
    private SafeFileHandle? _file;
    private long _appended, _moved;
    private bool _pumping, _failed;
    private Task _pump = Task.CompletedTask;

    private Backlog(PipeWriter pipe, Exchange exchange, Settings settings)
    {
        (_pipe, _exchange, _settings) = (pipe, exchange, settings);
        _ring = settings.OutbufHighWatermark + Block;
    }

    /// <summary>Starts to pump, behind a flush that waits for the client.</summary>
    public static Backlog Continue(Backlog? existing, PipeWriter pipe, ValueTask<FlushResult> flush, Exchange exchange, Settings settings)
    {
        var backlog = existing ?? new Backlog(pipe, exchange, settings);
        backlog._pumping = true;
        backlog._appended = backlog._moved = 0;
        backlog._pump = backlog.PumpAsync(flush);
        return backlog;
    }

    /// <summary>
    /// Appends at most <see cref="Block"/> bytes; false when the pump has caught up and the pipe is the caller's again. Waits while outbuf_high_watermark
    /// bytes are pending.
    /// </summary>
    public bool TryAdd(ReadOnlySpan<byte> data)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_failed)
                    return true; // Cut off already; what would follow the gap must not be sent.
                if (!_pumping)
                    return false;
                if (_appended - _moved < _settings.OutbufHighWatermark)
                {
                    Append(data);
                    return true;
                }

                _room.Reset();
            }

            _room.Wait(CancellationToken.None);
            if (_exchange.ClientGone)
                return true;
        }
    }

    /// <summary>Until everything is handed to Kestrel, or the client has gone.</summary>
    public async Task DrainAsync()
    {
        try
        {
            await _pump;
        }
        finally
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        _file?.Dispose();
        _file = null;
        _room.Dispose();
    }

    private async Task PumpAsync(ValueTask<FlushResult> flush)
    {
        var handedBack = false;
        try
        {
            // The first flush was begun by the Python thread; from here on the pump runs wherever the client's reads complete it.
            await ClientPace.KeepAsync(flush, _exchange, _settings);
            while (!_exchange.ClientGone)
            {
                var length = NextBlock();
                handedBack = length == 0;
                if (handedBack)
                    return;
                var read = await RandomAccess.ReadAsync(_file!, _pipe.GetMemory(length)[..length], _moved % _ring);
                _pipe.Advance(read);
                await ClientPace.KeepAsync(_pipe.FlushAsync(), _exchange, _settings);
                lock (_gate)
                    _moved += read;
                _room.Set();
            }
        }
        catch
        {
            lock (_gate)
                _failed = true;
            _exchange.Response.CutOff();
            throw;
        }
        finally
        {
            // After the hand-over the Python thread may have started the next pump already: that one's flag is not ours to lower.
            if (!handedBack)
            {
                lock (_gate)
                    _pumping = false;
            }

            _room.Set();
        }
    }

    private void Append(ReadOnlySpan<byte> data)
    {
        _file ??= TempFile.Create();
        var at = _appended % _ring;
        var fitting = (int)Math.Min(data.Length, _ring - at);
        TempFile.Write(_file, data[..fitting], at);
        if (fitting < data.Length)
            TempFile.Write(_file, data[fitting..], 0);
        _appended += data.Length;
    }

    // Zero hands the pipe back: decided under the lock, so that no byte is appended in between.
    private int NextBlock()
    {
        lock (_gate)
        {
            var length = (int)Math.Min(Math.Min(_appended - _moved, Block), _ring - (_moved % _ring));
            if (length == 0)
                _pumping = false;
            return length;
        }
    }
}
