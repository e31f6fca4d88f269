using System.IO.Pipelines;

namespace Waitress.Response;

/// <summary>Bodies that are sent while the app still makes them.</summary>
internal sealed partial class ResponseWriter
{
    private Backlog? _backlog;
    private StreamBuffer? _buffer;

    // Where what the Python thread sends goes: on HTTP/1 straight to Kestrel, whose pipe has the memory.
    private PipeWriter Outlet => exchange.IsMultiplexed ? (_buffer ??= new StreamBuffer(_pipe, exchange, settings)).Writer : _pipe;

    /// <summary>
    /// Sends bytes of the body; false when nobody is there to read them. Runs detached, on the Python thread. Returns as soon as
    /// the bytes are handed over: to Kestrel's pipe up to outbuf_overflow, then to a temporary file, and waits only
    /// when outbuf_high_watermark bytes are pending (with asynchronous=false: until the client has taken all but outbuf_overflow).
    /// </summary>
    public bool Send(ReadOnlySpan<byte> data)
    {
        Commit();
        Written += data.Length;
        if (Suppressed)
            return !exchange.ClientGone;
        try
        {
            // In slices, so that the limits on memory and disk hold within one large block too.
            while (!data.IsEmpty && !_broken && !exchange.ClientGone)
            {
                var slice = data[..Math.Min(data.Length, Backlog.Block)];
                data = data[slice.Length..];
                if (_backlog is null || !_backlog.TryAdd(slice))
                    SendDirect(slice);
            }
        }
        catch (IOException)
        {
            // An app that goes on after the OSError must not send what comes behind the gap.
            CutShort();
            throw;
        }

        return !exchange.ClientGone;
    }

    private void SendDirect(ReadOnlySpan<byte> slice)
    {
        // Asked for by its size: .NET 10's pool for bare sockets answers "any size" with no memory at all.
        var outlet = Outlet;
        slice.CopyTo(outlet.GetSpan(slice.Length));
        outlet.Advance(slice.Length);
        var flushed = outlet.FlushAsync();
        if (flushed.IsCompletedSuccessfully)
        {
            Note(flushed.Result);
            return;
        }

        if (settings.Asynchronous)
            _backlog = Backlog.Continue(_backlog, outlet, flushed, exchange, settings);
        else
            ClientPace.KeepAsync(flushed, exchange, settings).AsTask().GetAwaiter().GetResult();
    }
}
