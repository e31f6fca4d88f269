using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Waitress.Response;

/// <summary>Bodies whose sender does not wait on a thread: it is told when the client has taken enough.</summary>
internal sealed partial class ResponseWriter
{
    /// <summary>Hands bytes to Kestrel; no more may follow before the flush is complete. The head leaves with the first.</summary>
    public ValueTask<FlushResult> Push(ReadOnlySpan<byte> piece)
    {
        Commit();
        Written += piece.Length;
        if (Suppressed)
            return default;
        piece.CopyTo(_pipe.GetSpan(piece.Length));
        _pipe.Advance(piece.Length);
        return _pipe.FlushAsync();
    }

    /// <summary>Has the head leave before the body is there.</summary>
    public ValueTask<FlushResult> PushHead()
    {
        Commit();
        return _pipe.FlushAsync();
    }

    /// <summary>The connection is another protocol's from here on: nothing of ours may be written.</summary>
    public void Upgraded() => Started = Committed = IsUpgraded = true;

    /// <summary>Whether it is another protocol's.</summary>
    public bool IsUpgraded { get; private set; }

    /// <summary>Bytes of that protocol, for those who count.</summary>
    public void Count(long bytes) => Written += bytes;

    /// <summary>The answer ends its connection.</summary>
    public void CloseAfterwards() => _closing = true;

    /// <summary>A field behind the body, where the version of HTTP and the framing have a place for it; else it is left out.</summary>
    public void AddTrailer(string name, string value)
    {
        if (features.Get<IHttpResponseTrailersFeature>() is { } feature && !feature.Trailers.IsReadOnly)
            feature.Trailers.Append(name, value);
    }
}
