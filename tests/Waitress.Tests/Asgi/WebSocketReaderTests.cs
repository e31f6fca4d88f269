using System.Net.Sockets;
using System.Net.WebSockets;
using System.Reflection;
using System.Runtime.CompilerServices;
using Waitress.Asgi;
using Waitress.Http;
using Waitress.Telemetry;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.Asgi;

/// <summary>
/// The reader of a WebSocket alone. A loop needs a Python; the reader needs of it only where to post and where to log, so these two are put into one that
/// was never begun.
/// </summary>
public sealed class WebSocketReaderTests : IDisposable
{
    private readonly (Socket Reader, Socket Writer) _wake = MailboxTests.Connected();
    private readonly Mailbox _log;
    private readonly LoopInbox<Exchange, AsgiCall> _inbox = new(() => { });
    private readonly WebSocketCall _call;

    public WebSocketReaderTests()
    {
        _log = new Mailbox((int)_wake.Writer.Handle);
        var loop = (EventLoop)RuntimeHelpers.GetUninitializedObject(typeof(EventLoop));
        Put(loop, nameof(EventLoop.Log), _log);
        Put(loop, nameof(EventLoop.Inbox), _inbox);
        _call = new WebSocketCall(loop, null!);
    }

    [Fact]
    public async Task Reader_ThatMeetsWhatNobodyForesaw_EndsTheSocketAndSaysSo()
    {
        using var socket = new FailingSocket(new InvalidOperationException("what nobody foresaw"));
        await ReadAsync(_call, socket);
        AssertEnded();
        var told = Assert.Single(_log.Take());
        Assert.Equal(LogEvent.EngineFault, told.Event);
        Assert.Contains("what nobody foresaw", told.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(typeof(WebSocketException))]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(OperationCanceledException))]
    [InlineData(typeof(ObjectDisposedException))]
    public async Task Reader_WhoseConnectionBreaks_EndsTheSocketInSilence(Type kind)
    {
        using var socket = new FailingSocket(kind == typeof(ObjectDisposedException) ? new ObjectDisposedException("socket") : (Exception)Activator.CreateInstance(kind)!);
        await ReadAsync(_call, socket);
        AssertEnded();
        Assert.Empty(_log.Take());
    }

    public void Dispose()
    {
        _log.Dispose();
        _wake.Reader.Dispose();
        _wake.Writer.Dispose();
    }

    private static void Put(EventLoop loop, string property, object value) =>
        typeof(EventLoop).GetField($"<{property}>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(loop, value);

    [UnsafeAccessor(UnsafeAccessorKind.Method)]
    private static extern Task ReadAsync(WebSocketCall call, WebSocket socket);

    private void AssertEnded()
    {
        var item = Assert.Single(_inbox.Take(out _, out _));
        Assert.Same(_call, item.Call);
        Assert.Equal(LoopEvent.Ended, item.What);
    }

    private sealed class FailingSocket(Exception failure) : WebSocket
    {
        public override WebSocketCloseStatus? CloseStatus => null;

        public override string? CloseStatusDescription => null;

        public override WebSocketState State => WebSocketState.Open;

        public override string? SubProtocol => null;

        public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken) => throw failure;

        public override ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken) => throw failure;

        public override Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) => throw failure;

        public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => throw failure;

        public override Task CloseOutputAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) => throw failure;

        public override void Abort()
        {
        }

        public override void Dispose()
        {
        }
    }
}
