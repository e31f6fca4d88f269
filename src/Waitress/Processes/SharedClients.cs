using Waitress.Guards;

namespace Waitress.Processes;

/// <summary>
/// What the worker processes of a service know together of their clients, behind the slots of the <see cref="Scoreboard"/>: the table of
/// request rates, which all write, then for each slot a table of open connections per address, which its worker writes and all read.
/// Without locks: of two requests of one client that two workers judge within the same fraction of a microsecond one may not be counted.
/// </summary>
internal sealed class SharedClients : IClientMemory
{
    /// <summary>Addresses of one worker whose connections the others see.</summary>
    public const int CountsPerSlot = 8_192;

    private readonly Scoreboard _board;

    private SharedClients(Scoreboard board, int slot)
    {
        _board = board;
        Rates = new ClientTable(this, 0, RequestRates.Clients, board.Seed);
        Counts = new SharedCounts(board, slot, other => new ClientTable(
            this, ClientTable.Size(RequestRates.Clients) + (other * ClientTable.Size(CountsPerSlot)), CountsPerSlot, board.Seed));
    }

    public ClientTable Rates { get; }

    public SharedCounts Counts { get; }

    /// <summary>Null when the board has no room for it.</summary>
    public static SharedClients? Of(Scoreboard board, int slot) =>
        board.Rest >= ClientTable.Size(RequestRates.Clients) + (board.Slots * ClientTable.Size(CountsPerSlot)) ? new SharedClients(board, slot) : null;

    void IClientMemory.Read(long at, long[] target) => _board.ReadRest(at, target);

    void IClientMemory.Write(long at, long value) => _board.WriteRest(at, value);
}

/// <summary>Open connections per client, as the workers show them to each other. Called one at a time.</summary>
internal sealed class SharedCounts(Scoreboard board, int slot, Func<int, ClientTable> open)
{
    private readonly ClientTable?[] _tables = new ClientTable?[board.Slots];

    /// <summary>Before this worker serves: its slot may have been another's, whose connections are gone.</summary>
    public void Begin() => Table(slot).Clear();

    /// <summary>Connections of the client in all other workers that live.</summary>
    public long Others(ulong client)
    {
        var sum = 0L;
        for (var other = 0; other < board.Slots; other++)
        {
            if (other != slot && board[other, Field.State] is (long)SlotState.Serving or (long)SlotState.Draining)
                sum += Table(other).Find(client) ?? 0;
        }

        return sum;
    }

    /// <summary>This worker has so many of the client's now.</summary>
    public void Tell(ulong client, int count)
    {
        var table = Table(slot);
        table.Find(client);
        if (count > 0)
            table.Set(count, giveWay: 0);
        else
            table.Remove();
    }

    private ClientTable Table(int of) => _tables[of] ??= open(of);
}
