using System.Buffers;
using System.Net.WebSockets;
using Waitress.Telemetry;

namespace Waitress.Asgi;

/// <summary>The reader: from frames to whole messages. Runs wherever bytes of the client complete it, never attached.</summary>
internal sealed partial class WebSocketCall
{
    // What most messages fit into; a connection that is idle holds none.
    private const int FirstBuffer = 4096;

    private readonly TaskCompletionSource _readerDone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task ReadAsync(WebSocket socket)
    {
        try
        {
            while (await ReadMessageAsync(socket))
            {
            }
        }
        catch (Exception e)
        {
            // .NET has closed it for what the client did wrong (RFC 6455 section 7.1.7), or the connection broke. Whatever else it is ends the socket
            // too: without its event the exchange would never be handed back.
            if (e is not (WebSocketException or IOException or OperationCanceledException or ObjectDisposedException))
                Loop.Log.Post(LogEvent.EngineFault, e);
            if (!_closing && socket.CloseStatus is { } why)
                (_endCode, _endReason) = ((int)why, socket.CloseStatusDescription ?? "");
        }

        _readerDone.SetResult();
        Loop.Inbox.Post(this, LoopEvent.Ended);
    }

    // False: it was the last.
    private async Task<bool> ReadMessageAsync(WebSocket socket)
    {
        // Without a buffer as long as nothing is there.
        var result = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        var length = 0;
        var handedOn = false;
        try
        {
            while (result.MessageType != WebSocketMessageType.Close && !result.EndOfMessage)
            {
                if (length == buffer.Length)
                    buffer = Grow(buffer, length);
                result = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                length += result.Count;
                if (length > Loop.Settings.WsMaxSize)
                {
                    (_endCode, _endReason) = ((int)WebSocketCloseStatus.MessageTooBig, "");
                    await socket.CloseOutputAsync(WebSocketCloseStatus.MessageTooBig, "The message is too large", CancellationToken.None);
                    return false;
                }
            }

            if (result.MessageType == WebSocketMessageType.Close)
            {
                await AnswerCloseAsync(socket);
                return false;
            }

            while (!TryQueue(buffer, length, result.MessageType == WebSocketMessageType.Text, out handedOn, out var room))
                await room;
            if (handedOn)
                Loop.Inbox.Post(this, LoopEvent.Message);
            return true;
        }
        finally
        {
            if (!handedOn)
                ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // False: the app is behind, and there is no room yet.
    private bool TryQueue(byte[] buffer, int length, bool isText, out bool queued, out Task room)
    {
        (queued, room) = (false, Task.CompletedTask);
        lock (_messages)
        {
            if (_dropping)
                return true;
            if (_messages.Count >= Loop.Settings.WsMaxQueue)
            {
                _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
                return false;
            }

            _messages.Enqueue((buffer, length, isText));
            queued = true;
            return true;
        }
    }

    private async Task AnswerCloseAsync(WebSocket socket)
    {
        if (_closing)
            return; // The answer to ours.

        // 1005: the client gave no code (RFC 6455 section 7.1.5), which may not be sent back.
        (_endCode, _endReason) = ((int)(socket.CloseStatus ?? WebSocketCloseStatus.Empty), socket.CloseStatusDescription ?? "");
        if (socket.State == WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(socket.CloseStatus is null or WebSocketCloseStatus.Empty ? WebSocketCloseStatus.NormalClosure : socket.CloseStatus.Value, null, CancellationToken.None);
    }

    private static byte[] Grow(byte[] buffer, int length)
    {
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(length * 2L, Array.MaxLength));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }
}
