using Waitress.CPython;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Wsgi;

/// <summary>
/// Where the bytes of an app's body enter the response, from the iterable or from write(): cut to the announced length, with
/// a warning for what the app did wrong (PEP 3333, "Handling the Content-Length Header"). Runs attached, detaches to send.
/// </summary>
internal sealed class BodyPort(AppCall call, Mailbox log)
{
    private readonly Exchange _exchange = call.Exchange;
    private bool _warned;

    public enum Outcome
    {
        /// <summary>Handed on (or rightly dropped).</summary>
        Sent,

        /// <summary>Nobody is left to read it.</summary>
        ClientGone,

        /// <summary>The request is over: its time was up, or it ended long ago.</summary>
        Ended,

        /// <summary>A Python error is set.</summary>
        Failed,
    }

    /// <summary>Sends one block at once.</summary>
    public Outcome Write(PyRef block)
    {
        using var buffer = new PyBuffer();
        if (!buffer.TryTake(block))
            return Outcome.Failed;
        using var scope = call.Enter();
        if (!scope.Entered)
            return Outcome.Ended;
        if (!call.TryTakeTurn())
        {
            PythonError.Raise(PythonError.Fault.Assertion, "the body was written while another thread makes the response");
            return Outcome.Failed;
        }

        try
        {
            return Send(buffer.Bytes);
        }
        finally
        {
            call.EndTurn();
        }
    }

    private Outcome Send(ReadOnlySpan<byte> block)
    {
        if (!_exchange.Response.Started)
        {
            PythonError.Raise(PythonError.Fault.Assertion, "start_response was not called before the body");
            return Outcome.Failed;
        }

        var bytes = Fit(block);
        if (bytes.IsEmpty)
            return Outcome.Sent;
        using (PythonThread.Detach())
        {
            var began = call.BeginWait();
            try
            {
                return _exchange.Response.Send(bytes) ? Outcome.Sent : Outcome.ClientGone;
            }
            finally
            {
                call.EndWait(began);
            }
        }
    }

    /// <summary>How many bytes a block holds; -1 when it is not bytes-like, which <see cref="Write"/> will tell the app.</summary>
    public static long Measure(PyRef block)
    {
        using var buffer = new PyBuffer();
        if (buffer.TryTake(block))
            return buffer.Bytes.Length;
        PythonError.Clear();
        return -1;
    }

    /// <summary>Keeps a whole small body for the moment when the thread is free; false when it has to be written. In a scope of the call.</summary>
    public bool TryGather(PyRef block) => _exchange.Response.TryGather(Fit(PyBytes.Span(block)));

    private ReadOnlySpan<byte> Fit(ReadOnlySpan<byte> bytes)
    {
        var response = _exchange.Response;
        if (response.Bodiless)
        {
            if (!bytes.IsEmpty)
                Warn(LogEvent.BodyForbidden, response.Status);
            return default;
        }

        var fitting = response.Fitting(bytes.Length);
        if (fitting < bytes.Length)
            Warn(LogEvent.TooManyBytes, response.Declared);
        return bytes[..fitting];
    }

    private void Warn(LogEvent what, object? value)
    {
        if (!_warned)
            log.Post(what, value, _exchange.Request.Method, _exchange.Request.RawTarget);
        _warned = true;
    }
}
