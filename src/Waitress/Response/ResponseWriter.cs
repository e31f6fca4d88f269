using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Waitress.Configuration;
using Waitress.Http;

namespace Waitress.Response;

/// <summary>
/// Stage 7: the answer of one request, from the app's chunks to Kestrel's pipe.
///
/// Receives a checked head and body bytes from the Python thread, and promises that what leaves has exactly the announced
/// length, or is visibly cut. A small whole body is gathered in memory and sent by <see cref="FinishAsync"/> after the
/// Python thread is free; anything longer is sent while the app goes on (PEP 3333: no block may be delayed). The head can
/// change until the first byte is handed to Kestrel.
/// </summary>
internal sealed partial class ResponseWriter(Exchange exchange, IFeatureCollection features, Settings settings)
{
    /// <summary>The most that is gathered in memory before it is sent: one socket write, Kestrel's own default for a flush.</summary>
    private const int GatherLimit = 65_536;

    private readonly IHttpResponseFeature _head = features.GetRequiredFeature<IHttpResponseFeature>();
    private readonly IHttpRequestLifetimeFeature _lifetime = features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
    private readonly PipeWriter _pipe = features.GetRequiredFeature<IHttpResponseBodyFeature>().Writer;

    private byte[]? _gathered;
    private int _gatheredLength;
    private bool _broken, _closing;

    /// <summary>The headers of the answer; free to change until <see cref="Committed"/>.</summary>
    public IHeaderDictionary Headers => _head.Headers;

    /// <summary>Whether start_response was called.</summary>
    public bool Started { get; private set; }

    /// <summary>Whether the head has left, so that it can't change any more.</summary>
    public bool Committed { get; private set; }

    /// <summary>The announced length of the body, null when unknown.</summary>
    public long? Declared { get; private set; }

    /// <summary>Body bytes that the app has given, after cutting to <see cref="Declared"/>.</summary>
    public long Written { get; private set; }

    /// <summary>Body bytes that were meant for the client: none in an answer to HEAD.</summary>
    public long BodyLength => Suppressed ? 0 : Written;

    /// <summary>Whether the status forbids a body (RFC 9110 section 15: 204, 205, 304).</summary>
    public bool Bodiless { get; private set; }

    public void Start(int status, string? reason)
    {
        Started = true;
        _head.StatusCode = status;
        if (reason is not null && reason != ReasonPhrases.GetReasonPhrase(status))
            _head.ReasonPhrase = reason;
        Bodiless = status is 204 or 205 or 304;
    }

    /// <summary>
    /// The status of the answer; 499, nginx's number for it, when the client left before there was one. Kestrel has either that or a 500 there, by chance.
    /// </summary>
    public int Status => !Committed && exchange.ClientGone ? StatusCodes.Status499ClientClosedRequest : _head.StatusCode;

    public void Declare(long? length) => Declared = length;

    /// <summary>Takes back a head that has not left (start_response with exc_info, error answers).</summary>
    public void Restart()
    {
        _head.Headers.Clear();
        _head.StatusCode = StatusCodes.Status200OK;
        _head.ReasonPhrase = null;
        Started = Bodiless = false;
        Declared = null;
        Written = _gatheredLength = 0;
    }

    /// <summary>Ready for the next request of the connection; Kestrel has reset its own side.</summary>
    public void Reset()
    {
        Started = Committed = Bodiless = IsUpgraded = _closing = _broken = false;
        Declared = null;
        Written = _gatheredLength = 0;
        _refusal = null;
    }

    /// <summary>Gives back what the request held, so that an idle connection holds none of it.</summary>
    public void End()
    {
        Return();
        _file?.Dispose(); // Only where the answer was cut before the file's turn.
        _file = null;
        _buffer?.Abandon();
        _buffer = null;
    }

    /// <summary>How many of the bytes fit the announced length; the rest is the app's mistake.</summary>
    public int Fitting(int length) => Declared is { } limit ? (int)Math.Min(length, limit - Written) : length;

    /// <summary>
    /// Keeps a whole small body for <see cref="FinishAsync"/>; false when it is too large for that and has to be sent. Touches
    /// memory only, so it may run attached.
    /// </summary>
    public bool TryGather(ReadOnlySpan<byte> data)
    {
        if (_gatheredLength + data.Length > GatherLimit)
            return false;
        Written += data.Length;
        if (data.IsEmpty || Suppressed)
            return true;
        _gathered ??= ArrayPool<byte>.Shared.Rent(Math.Max(data.Length, 1024));
        if (_gathered.Length < _gatheredLength + data.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(_gatheredLength + data.Length);
            _gathered.AsSpan(0, _gatheredLength).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_gathered);
            _gathered = larger;
        }

        data.CopyTo(_gathered.AsSpan(_gatheredLength));
        _gatheredLength += data.Length;
        return true;
    }

    /// <summary>After what there is, the client sees that the answer is cut: no final chunk, the connection closed.</summary>
    public void CutShort() => _broken = true;

    /// <summary>Sends what is not sent yet; the request is over when it returns.</summary>
    public ValueTask FinishAsync()
    {
        if (_refusal is not null && !_head.HasStarted)
            WriteRefusal(_refusal);
        if (_broken || _backlog is not null || _buffer is not null || _file is not null)
            return FinishSlowAsync();
        Commit();
        return SendGathered();
    }

    private bool Suppressed => Bodiless || exchange.IsHead;

    private async ValueTask FinishSlowAsync()
    {
        if (_backlog is { } pending)
        {
            _backlog = null;
            await pending.DrainAsync();
        }

        if (_buffer is { } buffer)
        {
            await buffer.DrainAsync();
            _buffer = null;
        }

        if (_file is not null)
            await SendFileAsync();
        Commit();
        await SendGathered();
        if (_broken && _gatheredLength == 0 && !exchange.ClientGone)
            Note(await _pipe.FlushAsync()); // The head alone, at least: else Kestrel would answer the cut with a 500 of its own.
        if (_broken || exchange.ClientGone)
            throw CutException.Instance;
    }

    private ValueTask SendGathered()
    {
        if (_gatheredLength == 0)
            return default;
        var sent = _pipe.WriteAsync(_gathered.AsMemory(0, _gatheredLength));
        if (!sent.IsCompletedSuccessfully)
            return ClientPace.KeepAsync(sent, exchange, settings);
        Note(sent.Result);
        return default;
    }

    // A flush that is complete for good tells that the transport has ended: the only news of a client that closed both directions.
    internal void Note(FlushResult result)
    {
        if (result.IsCompleted)
            exchange.ClientLost();
    }

    // The last moment at which the head can change.
    private void Commit()
    {
        if (Committed)
            return;
        Committed = true;
        if (Bodiless)
            _head.Headers.ContentLength = _head.StatusCode == StatusCodes.Status205ResetContent ? 0 : null;
        else if (Declared is { } length)
            _head.Headers.ContentLength = length;
        if (exchange.IsMultiplexed)
            _head.Headers.Remove("Proxy-Connection"); // An app's; of its kind the only one that is not refused when it is set (RFC 9113 section 8.2.2).
        else if (_closing || exchange.EndsConnection())
            _head.Headers.Connection = "close";
        if (settings.Ident is null)
            return;
        if (_head.Headers.Server.Count == 0)
            _head.Headers.Server = settings.Ident;
        else
            _head.Headers.Append("Via", settings.Ident);
    }

    private void Return()
    {
        if (_gathered is null)
            return;
        ArrayPool<byte>.Shared.Return(_gathered);
        _gathered = null;
    }
}

/// <summary>Tells Kestrel that the answer broke off after its head had left: it closes the connection without a final chunk.</summary>
internal sealed class CutException : Exception
{
    public static readonly CutException Instance = new();
}
