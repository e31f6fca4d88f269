using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Asgi;

/// <summary>receive(): the request's body as it arrives, then the client's departure.</summary>
internal sealed partial class HttpCall
{
    /// <summary>The most that one message holds: enough that its cost vanishes, little enough that many uploads at once stay small.</summary>
    private const int MostOfBody = 262_144;

    private bool _bodyTaken, _reading, _hasRead;
    private ReadResult _read;
    private Exception? _readFailure;
    private long _received;

    /// <summary>The next message, if it is there.</summary>
    public override Step NextMessage()
    {
        if (IsOver || _ending || _gone || _left)
            return Step.Done(PyDicts.Copy(Loop.Side.Disconnect.Ref));
        if (_bodyTaken)
        {
            Exchange.WatchClient(() => Loop.Inbox.Post(this, LoopEvent.Left));
            return Wait();
        }

        if (!Exchange.HasBody)
        {
            _bodyTaken = true;
            return Step.Done(PyDicts.Copy(Loop.Side.EmptyRequest.Ref));
        }

        if (!_reading && !_hasRead)
            Read();
        return _hasRead ? TakeRead() : Wait();
    }

    private void Read()
    {
        try
        {
            var pending = Exchange.BodyReader.ReadAsync(CancellationToken.None);
            if (pending.IsCompletedSuccessfully)
            {
                (_read, _hasRead) = (pending.Result, true);
                return;
            }

            _reading = true;
            Exchange.Body.Watch(Exchange.BodyReader);
            _ = FinishRead(pending);
        }
        catch (Exception e) when (IsClosed(e))
        {
            (_readFailure, _hasRead) = (e, true);
        }
    }

    private async Task FinishRead(ValueTask<ReadResult> pending)
    {
        try
        {
            _read = await pending;
        }
        catch (Exception e)
        {
            _readFailure = e;
        }

        Exchange.Body.StopWatching(_readFailure is null ? _read.Buffer.Length : 0);
        Loop.Inbox.Post(this, LoopEvent.Read);
    }

    private Step TakeRead()
    {
        if (Problem() is { } refusal)
        {
            if (refusal.Fault == Fault.Client && !Exchange.ClientGone)
                Loop.Log.Post(LogEvent.Refused, Exchange.Peer, refusal.Status, refusal.Detail);
            Refuse(refusal);
            return Step.Done(PyDicts.Copy(Loop.Side.Disconnect.Ref));
        }

        _hasRead = false;
        var length = (int)Math.Min(_read.Buffer.Length, MostOfBody);
        var taken = _read.Buffer.Slice(0, length);
        var more = !_read.IsCompleted || length < _read.Buffer.Length;
        using var body = PyBytes.Fill(length, taken, static (source, target) => source.CopyTo(target));
        Advance(taken.End);
        _received += length;
        Exchange.Body.Count(length);
        _bodyTaken = !more;
        if (length == 0 && more)
            return NextMessage(); // A read that was woken for nothing.
        using var message = PyDicts.Copy(Loop.Side.EmptyRequest.Ref);
        var keys = Loop.Side.Messages;
        var made = !message.IsNull && !body.IsNull && PyDicts.Set(message, keys.Body.Ref, body.Borrow())
            && (!more || PyDicts.Set(message, keys.MoreBody.Ref, Loop.Side.True.Ref));
        return made ? Step.Done(message.Move()) : Step.Failed;
    }

    // A client that resets its stream closes the reader, which then answers every call with the reason. What was read before is still good, a read
    // that waits ends by itself, and the next one fails.
    private void Advance(SequencePosition to)
    {
        try
        {
            Exchange.BodyReader.AdvanceTo(to);
        }
        catch (Exception e) when (IsClosed(e))
        {
        }
    }

    private void CancelRead()
    {
        try
        {
            Exchange.BodyReader.CancelPendingRead();
        }
        catch (Exception e) when (IsClosed(e))
        {
        }
    }

    private static bool IsClosed(Exception e) => e is IOException or OperationCanceledException or ObjectDisposedException;

    private Refusal? Problem()
    {
        if (Exchange.BrokenFraming is { } broken)
            return broken;
        if (_readFailure is not null)
            return _readFailure is BadHttpRequestException bad ? RequestBody.RefusalFor(bad) : Refusal.BadRequest.Because("The request body ended early");
        if (_read.IsCanceled)
            return Refusal.RequestTimeout;
        return _received + _read.Buffer.Length >= Loop.Settings.MaxRequestBodySize ? Refusal.BodyTooLarge : null;
    }
}
