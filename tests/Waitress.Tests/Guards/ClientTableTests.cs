using FsCheck;
using FsCheck.Fluent;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public sealed class ClientTableTests
{
    private readonly OwnMemory _memory = new((int)ClientTable.Size(64) + 10);

    [Fact]
    public void Set_AnyClients_AreFoundAgainWhileThereIsRoom() =>
        Prop.ForAll<ulong[]>(clients =>
        {
            var table = Table(1024, new OwnMemory((int)ClientTable.Size(1024)));
            var few = clients.Distinct().Take(8).ToArray(); // At worst all of them share a bucket.
            for (var i = 0; i < few.Length; i++)
            {
                table.Find(few[i]);
                table.Set(i, giveWay: long.MinValue);
            }

            return few.Select((client, i) => table.Find(client) == i).All(found => found);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Set_FullBucket_TakesTheLeastOnlyBelowTheBound()
    {
        var table = new ClientTable(_memory, 0, 8, 1); // One bucket.
        for (var client = 1UL; client <= 8; client++)
            Put(table, client, (long)client * 10);
        Put(table, 9, 5, giveWay: 10);
        Assert.Null(table.Find(9));
        Put(table, 9, 5, giveWay: 11);
        Assert.Equal(5, table.Find(9));
        Assert.Null(table.Find(1));
        Assert.Equal(20, table.Find(2));
    }

    [Fact]
    public void Remove_Client_FreesItsPlace()
    {
        var table = new ClientTable(_memory, 0, 8, 1);
        for (var client = 1UL; client <= 8; client++)
            Put(table, client, 7);
        table.Find(3);
        table.Remove();
        Assert.Null(table.Find(3));
        Put(table, 30, 9, giveWay: long.MinValue);
        Assert.Equal(9, table.Find(30));
        table.Clear();
        Assert.Null(table.Find(30));
    }

    [Fact]
    public void Tables_InOneMemory_DoNotTouchEachOther()
    {
        var one = new ClientTable(_memory, 0, 8, 1);
        var two = new ClientTable(_memory, ClientTable.Size(8), 8, 1);
        for (var client = 1UL; client <= 50; client++)
        {
            Put(one, client, 1);
            Put(two, client, 2);
        }

        Assert.Equal((1, 2), (one.Find(50), two.Find(50)));
        one.Clear();
        Assert.Equal(2, two.Find(50));
    }

    private static ClientTable Table(int clients, OwnMemory memory) => new(memory, 0, clients, 12345);

    private static void Put(ClientTable table, ulong client, long value, long giveWay = long.MaxValue)
    {
        table.Find(client);
        table.Set(value, giveWay);
    }
}
