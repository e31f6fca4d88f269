using System.Net.Sockets;
using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Asgi;

/// <summary>The end of a loop, which may come long before the server's: every exchange is handed back before its interpreter goes.</summary>
internal sealed partial class EventLoop
{
    // Connections that are cut have their reads and flushes end within milliseconds.
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);

    /// <summary>After the app's tasks have ended: what is still unanswered is answered by a refusal, or cut. Attached.</summary>
    public void Dispose()
    {
        _disposed = true;
        Poller?.Leave(); // The clients may still take their last answers, and what is abandoned below has its socket's end told.
        Inbox.Close();
        Drain();
        foreach (var call in _calls.ToArray())
            call.Abandon();
        Flush();
        AwaitAnswers();
        _wake.Dispose();
        _scopes.Dispose();
        Side.Dispose();
        PyOwned.ForgetHandles();
    }

    // While a read or a flush is under way its exchange can't be handed back, and nobody turns any more to see them end.
    private void AwaitAnswers()
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (Inbox.Open > 0 && EndTime - TimeProvider.System.GetElapsedTime(begun) is var left)
        {
            if (left <= TimeSpan.Zero)
            {
                Log.Post(LogEvent.EngineFault, $"{Inbox.Open} request(s) of an event loop that has ended are still under way");
                return;
            }

            using (PythonThread.Detach())
                Inbox.WaitForEvents(left);
            Turn();
            Flush();
        }
    }

    private void Decline(Exchange exchange)
    {
        exchange.Response.Refuse(Refusal.Stopping);
        Inbox.Answered();
        using (PythonThread.Detach())
            exchange.Complete();
    }

    private void SendByte()
    {
        try
        {
            _wake.Send([1]);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Full: it wakes anyway. Disposed: nobody is there any more.
        }
    }
}
