using Microsoft.AspNetCore.Connections;

namespace Waitress.Admin;

/// <summary>
/// The open connections of the admin address. One more than may be takes the place of the oldest: an answer takes a moment, so that one most likely
/// rests, and whoever only holds connections open keeps no probe out. Any thread.
/// </summary>
/// <param name="most">Open at once; for a moment more, since an aborted one has its end still to come.</param>
internal sealed class AdminConnections(int most)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<ConnectionContext> _open = new();

    public void Add(ConnectionContext connection)
    {
        ConnectionContext? oldest = null;
        LinkedListNode<ConnectionContext> node;
        lock (_gate)
        {
            if (_open.Count >= most)
            {
                oldest = _open.First!.Value;
                _open.RemoveFirst();
            }

            node = _open.AddLast(connection);
        }

        connection.ConnectionClosed.UnsafeRegister(_ => Remove(node), null);
        oldest?.Abort(new ConnectionAbortedException("A younger connection takes its place"));
    }

    private void Remove(LinkedListNode<ConnectionContext> node)
    {
        lock (_gate)
        {
            if (node.List is not null)
                _open.Remove(node);
        }
    }
}
