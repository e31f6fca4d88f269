using Waitress.Processes;

namespace Waitress.Guards;

/// <summary>
/// How many connections each client address has open, over all worker processes of the service. What this process has is exact; of it a
/// copy stands in shared memory for the others, who add up what they find. Each tells of its own first and adds up then, so of two that accept at the same moment for
/// the last place at least one sees the other, and both may give way. Beyond 8,192 addresses per process the others may not see some. Any thread.
/// </summary>
/// <param name="limit">Connections of one address.</param>
/// <param name="shared">Where others see them; null for a process alone.</param>
internal sealed class OpenPerAddress(int limit, SharedCounts? shared)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, int> _open = [];

    /// <summary>Takes a place for a connection; null when the address has as many as may be. Disposing it gives it back.</summary>
    public IDisposable? TryEnter(ulong client)
    {
        lock (_gate)
        {
            var own = _open.GetValueOrDefault(client);
            if (own >= limit)
                return null;
            shared?.Tell(client, own + 1);
            Interlocked.MemoryBarrier(); // Told before the others are read, on every processor.
            if (own + (shared?.Others(client) ?? 0) >= limit)
            {
                shared?.Tell(client, own);
                return null;
            }

            _open[client] = own + 1;
        }

        return new Place(this, client);
    }

    private void Leave(ulong client)
    {
        lock (_gate)
        {
            var own = _open[client] - 1;
            if (own == 0)
                _open.Remove(client);
            else
                _open[client] = own;
            shared?.Tell(client, own);
        }
    }

    private sealed class Place(OpenPerAddress all, ulong client) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
                all.Leave(client);
        }
    }
}
