using System.Buffers;
using System.IO.Pipelines;
using Waitress.Configuration;
using Waitress.Http;

namespace Waitress.Response;

/// <summary>
/// The memory between the Python thread and a stream of HTTP/2. Kestrel's own takes 4 KiB before a flush waits for the client's window, so
/// that without this the next block of any longer answer would go to a temporary file. Written by one thread, moved on by a pump that runs
/// wherever bytes come or the client's window opens.
/// </summary>
internal sealed class StreamBuffer
{
    // Each stream has it, and a connection may have a hundred: a quarter of what an answer on a connection of its own may keep in memory.
    private const int Share = 4;

    // What is handed on at once, and what a client has to take within channel_timeout.
    private const int Block = 16_384;

    private readonly Pipe _pipe;
    private readonly PipeWriter _stream;
    private readonly Exchange _exchange;
    private readonly Settings _settings;
    private readonly Task _pump;

    public StreamBuffer(PipeWriter stream, Exchange exchange, Settings settings)
    {
        (_stream, _exchange, _settings) = (stream, exchange, settings);
        var size = Math.Max(settings.OutbufOverflow / Share, Block);
        _pipe = new Pipe(new PipeOptions(
            readerScheduler: PipeScheduler.Inline, pauseWriterThreshold: size, resumeWriterThreshold: size / 2, useSynchronizationContext: false));
        _pump = PumpAsync();
    }

    public PipeWriter Writer => _pipe.Writer;

    /// <summary>Until everything is handed to Kestrel, or the client has gone.</summary>
    public async Task DrainAsync()
    {
        await _pipe.Writer.CompleteAsync();
        await _pump;
    }

    /// <summary>Gives the memory back where the answer was broken off.</summary>
    public void Abandon() => _pipe.Writer.Complete(CutException.Instance);

    private async Task PumpAsync()
    {
        try
        {
            while (!_exchange.ClientGone)
            {
                var read = await _pipe.Reader.ReadAsync();
                var piece = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, Block));
                foreach (var segment in piece)
                    _stream.Write(segment.Span);
                if (!piece.IsEmpty)
                    await ClientPace.KeepAsync(_stream.FlushAsync(), _exchange, _settings);
                var last = read.IsCompleted && piece.Length == read.Buffer.Length;
                _pipe.Reader.AdvanceTo(piece.End);
                if (last)
                    return;
            }
        }
        catch (CutException)
        {
            // Abandoned: who did that knows why.
        }
        finally
        {
            // A flush that waits is told so, and finds that nobody is there.
            await _pipe.Reader.CompleteAsync();
        }
    }
}
