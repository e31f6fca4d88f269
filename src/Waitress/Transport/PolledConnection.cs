using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Waitress.Transport;

/// <summary>
/// One socket of a <see cref="Poller"/>, as a connection of Kestrel's. Reads when the poller says that there is something, as long as Kestrel takes
/// it; writes where Kestrel flushes (<see cref="PolledOutput"/>). Closed when it is disposed, which waits for what is still to be sent.
/// </summary>
internal sealed partial class PolledConnection : ConnectionContext, IDuplexPipe
{
    // A client that sends faster than we look at the others has to wait for the next turn after so many full blocks.
    private const int MostReads = 8;

    private readonly Lock _gate = new(); // The connection's and its output's.
    private readonly Socket _socket;
    private readonly Poller _poller;
    private readonly PolledInput _input;
    private readonly PolledOutput _output;
    private readonly CancellationTokenSource _closed = new();
    private readonly bool _isUnix;
    private Exception? _abortReason;
    private bool _reading, _inputEnded, _closing, _isClosed;

    public PolledConnection(Socket socket, Poller poller)
    {
        (_socket, _poller) = (socket, poller);
        _isUnix = socket.AddressFamily == AddressFamily.Unix;
        Descriptor = (int)socket.SafeHandle.DangerousGetHandle();
        _input = new PolledInput(this, poller.Memory, _gate);
        _output = new PolledOutput(this, poller, _gate);
        Transport = this;
        ConnectionClosed = _closed.Token;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
    }

    /// <summary>The socket's.</summary>
    public int Descriptor { get; }

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    public override IDuplexPipe Transport { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted by the server"));

    public override void Abort(ConnectionAbortedException abortReason) => Break(abortReason);

    public override async ValueTask DisposeAsync()
    {
        _input.Complete();
        _output.Complete();
        await _output.DrainedAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _closing = true;
            if (_reading)
                return; // By the reader, which may be our caller, when it is out.
        }

        Close();
    }

    /// <summary>The poller says that something has happened to the socket. One thread at a time.</summary>
    internal void Happened(EpollEvents what)
    {
        if (_output.IsWaiting)
            _output.SendOn();
        if ((what & ~EpollEvents.Out) != 0)
            Receive(toTheEnd: _isUnix || (what & (EpollEvents.Ended | EpollEvents.Urgent | EpollEvents.Error | EpollEvents.HungUp)) != 0);
    }

    /// <summary>Nothing can be sent or received any more: the client has gone, or is to go.</summary>
    internal void Break(Exception reason)
    {
        lock (_gate)
        {
            if (_abortReason is not null || _isClosed)
                return;
            _abortReason = reason;
            try
            {
                // What we cut must not look whole: no end is sent, and the close resets, as Kestrel's transport does it.
                _socket.Shutdown(IsCut ? SocketShutdown.Receive : SocketShutdown.Both);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // It is gone already.
            }
        }

        _output.GiveUp();

        // Not here: whoever waits for input goes on in this call, and our caller may hold locks of Kestrel's.
        ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.EndInput(null), this, preferLocal: false);
    }

    /// <summary>Kestrel has taken enough for more to be read, or will take nothing more.</summary>
    internal void GoOnReading()
    {
        lock (_gate)
        {
            if (!_isClosed)
                _poller.Rearm(this);
        }
    }

    // As long as there is something, and the others don't wait too long. A socket that gave less than there was room for has no more, and spares
    // us the call that finds nothing: but for its end, if that is there already, and for a unix socket, which may give by its sender's pieces.
    private void Receive(bool toTheEnd)
    {
        for (var reads = 0; reads < MostReads; reads++)
        {
            Memory<byte> room;
            lock (_gate)
            {
                if (_reading || _inputEnded || _closing || _input.IsFull)
                    return;
                _reading = true; // Nobody closes the socket meanwhile.
                room = _input.Room();
            }

            var count = SocketCalls.Receive(Descriptor, room.Span);
            bool ends, closes;
            ReadResult? read;
            lock (_gate)
            {
                _reading = false;
                read = _input.Received(Math.Max(count, 0));
                (ends, closes) = (count is 0 or SocketCalls.Broken || _input.IsDone || _abortReason is not null, _closing);
            }

            // Kestrel goes on in this call, with the request that is now there, up to the loop's inbox.
            if (read is not null)
                _input.Answer(read.Value);
            if (ends)
                EndInput(count == SocketCalls.Broken ? new ConnectionResetException("The client has reset the connection") : null);
            if (closes)
                Close();
            if (ends || closes || count == SocketCalls.NotNow || (count < room.Length && !toTheEnd))
                return; // The poller tells when more comes.
        }

        GoOnReading(); // In the next turn: it is the others' now.
    }

    // The last bytes of the client's are in the pipe, or there are none.
    private void EndInput(Exception? failure)
    {
        lock (_gate)
        {
            if (_inputEnded || _reading)
                return; // A reader that finds the reason ends it.
            _inputEnded = true;
        }

        _input.End(_abortReason ?? failure);
        TellClosed();
    }

    private void Close()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
        }

        _output.GiveUp(); // A flush that still waits; nothing is left to be sent.
        EndInput(null);
        _poller.Remove(this); // Before the socket is closed: a new one may have its number from then on.
        if (IsCut)
        {
            _socket.Close(0);
            return;
        }

        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The client was quicker.
        }

        _socket.Dispose();
    }

    // On a thread of the pool, as Kestrel's transport does it: those who are told may take their time.
    private void TellClosed() => ThreadPool.UnsafeQueueUserWorkItem(
        static source =>
        {
            try
            {
                source.Cancel();
            }
            catch (AggregateException)
            {
                // Theirs, who were told; the connection has ended all the same.
            }
        },
        _closed,
        preferLocal: false);

    // Whether we end it before its time; a unix socket knows no reset.
    private bool IsCut => _abortReason is not (null or ConnectionResetException) && !_isUnix;
}
