using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using Waitress.CPython;
using static Waitress.CPython.PythonError;

namespace Waitress.Asgi;

/// <summary>Messages both ways, and the end.</summary>
internal sealed partial class WebSocketCall
{
    /// <summary>After our Close the client has so long for its own (RFC 6455 section 7.1.1); then the connection is cut.</summary>
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(10);

    private readonly Queue<(byte[] Data, int Length, bool IsText)> _messages = new();
    private TaskCompletionSource? _room; // The reader waits for it; guarded by _messages, as is:
    private bool _dropping; // Nobody will ask for messages any more.
    private int _underWay; // Handshake, reader, sends, close: as long as there is one, the exchange can't be handed back. The loop's thread only.
    private bool _closing;
    private bool _readerEnded;
    private int _endCode = Abnormal, _code = Abnormal;
    private string _endReason = "", _reason = "";

    private PyNew SendMessage(PyRef message)
    {
        var keys = Loop.Side.Messages;
        using var bytes = PyDicts.Get(message, keys.Bytes.Ref);
        if (!bytes.IsNull && !bytes.Borrow().IsNone)
        {
            using var buffer = new PyBuffer();
            return buffer.TryTake(bytes) ? Send(buffer.Bytes, WebSocketMessageType.Binary) : default;
        }

        using var text = PyDicts.Get(message, keys.Text.Ref);
        if (text.IsNull || !PyObjects.IsText(text))
            return Raise(Fault.Value, "websocket.send needs bytes, or text, which is a str");
        var utf8 = PyTexts.Utf8(text, out var valid);
        return valid ? Send(utf8, WebSocketMessageType.Text) : Raise(Fault.Value, "the text of a WebSocket message can't hold lone surrogates");
    }

    // Copied, since the frame is written without the GIL, and maybe later.
    private PyNew Send(ReadOnlySpan<byte> data, WebSocketMessageType type)
    {
        if (_closing)
            return RaiseDisconnected();
        var copy = ArrayPool<byte>.Shared.Rent(data.Length);
        data.CopyTo(copy);
        Exchange.Response.Count(data.Length);
        Loop.CountMessage(isSent: true);
        ValueTask pending;
        using (PythonThread.Detach())
        {
            pending = _socket!.SendAsync(copy.AsMemory(0, data.Length), type, endOfMessage: true, CancellationToken.None);
            if (pending.IsCompletedSuccessfully)
                ArrayPool<byte>.Shared.Return(copy);
        }

        if (pending.IsCompletedSuccessfully)
            return Ready();
        var sending = new Sending();
        _underWay++;
        _ = FinishAsync(pending.AsTask(), sending, copy);
        return new WaitAwaitable(() => Sent(sending)).ToPython(Loop.Side.Interpreter.AwaitableType.Ref);
    }

    private Step Sent(Sending sending) =>
        !sending.IsDone ? Wait()
        : sending.Failed ? Failed()
        : Step.Done(Singletons.NewNone());

    private async Task FinishAsync(Task pending, Sending sending, byte[]? copy)
    {
        try
        {
            await pending;
        }
        catch (Exception)
        {
            sending.Failed = true; // The reader tells why.
        }

        if (copy is not null)
            ArrayPool<byte>.Shared.Return(copy);
        sending.IsDone = true;
        Loop.Inbox.Post(this, LoopEvent.Flushed);
    }

    private PyNew CloseByApp(PyRef message)
    {
        using var code = PyDicts.Get(message, Loop.Side.Messages.Code.Ref);
        using var reason = PyDicts.Get(message, Loop.Side.Messages.Reason.Ref);
        var number = code.IsNull || code.Borrow().IsNone ? NormalClosure : PyNumbers.ToInt64(code);
        PythonError.Clear();
        if (number is not ((>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999)))
            return Raise(Fault.Value, $"{number} is not a close code that may be sent (RFC 6455 section 7.4)");
        BeginClose((int)number, reason.IsNull || !PyObjects.IsText(reason) ? "" : PyTexts.ToText(reason));
        return Ready();
    }

    private void BeginClose(int code, string reason)
    {
        if (_closing || _socket is null)
            return;
        _closing = true;

        // A reason has 123 bytes at most (RFC 6455 section 5.5).
        while (Encoding.UTF8.GetByteCount(reason) > 123)
            reason = reason[..^1];
        Closed(code, reason);
        _underWay++;
        _ = FinishAsync(CloseAsync((WebSocketCloseStatus)code, reason), new Sending(), null);
    }

    private async Task CloseAsync(WebSocketCloseStatus code, string reason)
    {
        try
        {
            await _socket!.CloseOutputAsync(code, reason, CancellationToken.None).WaitAsync(CloseTime);
            await _readerDone.Task.WaitAsync(CloseTime);
        }
        catch (Exception)
        {
            // Gone, or too slow: no further courtesy.
        }

        _socket!.Abort();
    }

    private void Closed(int code, string reason)
    {
        _phase = Phase.Closed;
        (_code, _reason) = (code, reason);
    }

    private PyNew Disconnected()
    {
        using var message = PyDicts.Copy(Loop.Side.WebSocketDisconnect.Ref);
        var keys = Loop.Side.Messages;
        return !message.IsNull && PyDicts.Set(message, keys.Code.Ref, PyNumbers.From((long)_code)) && PyDicts.Set(message, keys.Reason.Ref, PyTexts.FromText(_reason))
            ? message.Move() : default;
    }

    private bool TryTakeMessage(out PyNew message)
    {
        message = default;
        (byte[] Data, int Length, bool IsText) taken;
        TaskCompletionSource? room;
        lock (_messages)
        {
            if (!_messages.TryDequeue(out taken))
                return false;
            (room, _room) = (_room, null);
        }

        room?.SetResult();
        Loop.CountMessage(isSent: false);
        using var made = PyDicts.Copy(Loop.Side.Received.Ref);
        var data = taken.Data.AsSpan(0, taken.Length);
        var keys = Loop.Side.Messages;
        var set = !made.IsNull && (taken.IsText
            ? PyDicts.Set(made, keys.Text.Ref, PyTexts.FromUtf8(data))
            : PyDicts.Set(made, keys.Bytes.Ref, PyBytes.From(data)));
        ArrayPool<byte>.Shared.Return(taken.Data);
        message = set ? made.Move() : default;
        return true;
    }

    private void DropMessages()
    {
        TaskCompletionSource? room;
        lock (_messages)
        {
            _dropping = true;
            (room, _room) = (_room, null);
            while (_messages.TryDequeue(out var dropped))
                ArrayPool<byte>.Shared.Return(dropped.Data);
        }

        room?.SetResult();
    }

    private sealed class Sending
    {
        public volatile bool IsDone;
        public bool Failed;
    }
}
