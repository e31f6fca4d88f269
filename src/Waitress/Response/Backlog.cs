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

    private readonly Lock gate = new();
    private readonly PipeWriter pipe;
    private readonly Exchange exchange;
    private readonly Settings settings;
    private readonly long ring;
    private readonly ManualResetEventSlim room = new(true);
    private SafeFileHandle? file;
    private long appended, moved;
    private bool pumping, failed;
    private Task pump = Task.CompletedTask;

    private Backlog(PipeWriter pipe, Exchange exchange, Settings settings)
    {
        (this.pipe, this.exchange, this.settings) = (pipe, exchange, settings);
        ring = settings.OutbufHighWatermark + Block;
    }

    /// <summary>Starts to pump, behind a flush that waits for the client.</summary>
    public static Backlog Continue(Backlog? existing, PipeWriter pipe, ValueTask<FlushResult> flush, Exchange exchange, Settings settings)
    {
        var backlog = existing ?? new Backlog(pipe, exchange, settings);
        backlog.pumping = true;
        backlog.appended = backlog.moved = 0;
        backlog.pump = backlog.PumpAsync(flush);
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
            lock (gate)
            {
                if (failed)
                    return true; // Cut off already; what would follow the gap must not be sent.
                if (!pumping)
                    return false;
                if (appended - moved < settings.OutbufHighWatermark)
                {
                    Append(data);
                    return true;
                }

                room.Reset();
            }

            room.Wait(CancellationToken.None);
            if (exchange.ClientGone)
                return true;
        }
    }

    /// <summary>Until everything is handed to Kestrel, or the client has gone.</summary>
    public async Task DrainAsync()
    {
        try
        {
            await pump;
        }
        finally
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        file?.Dispose();
        file = null;
        room.Dispose();
    }

    private async Task PumpAsync(ValueTask<FlushResult> flush)
    {
        var handedBack = false;
        try
        {
            // The first flush was begun by the Python thread; from here on the pump runs wherever the client's reads complete it.
            await ClientPace.KeepAsync(flush, exchange, settings);
            while (!exchange.ClientGone)
            {
                var length = NextBlock();
                handedBack = length == 0;
                if (handedBack)
                    return;
                var read = await RandomAccess.ReadAsync(file!, pipe.GetMemory(length)[..length], moved % ring);
                pipe.Advance(read);
                await ClientPace.KeepAsync(pipe.FlushAsync(), exchange, settings);
                lock (gate)
                    moved += read;
                room.Set();
            }
        }
        catch
        {
            lock (gate)
                failed = true;
            exchange.Response.CutOff();
            throw;
        }
        finally
        {
            // After the hand-over the Python thread may have started the next pump already: that one's flag is not ours to lower.
            if (!handedBack)
            {
                lock (gate)
                    pumping = false;
            }

            room.Set();
        }
    }

    private void Append(ReadOnlySpan<byte> data)
    {
        file ??= TempFile.Create();
        var at = appended % ring;
        var fitting = (int)Math.Min(data.Length, ring - at);
        TempFile.Write(file, data[..fitting], at);
        if (fitting < data.Length)
            TempFile.Write(file, data[fitting..], 0);
        appended += data.Length;
    }

    // Zero hands the pipe back: decided under the lock, so that no byte is appended in between.
    private int NextBlock()
    {
        lock (gate)
        {
            var length = (int)Math.Min(Math.Min(appended - moved, Block), ring - (moved % ring));
            if (length == 0)
                pumping = false;
            return length;
        }
    }
}
