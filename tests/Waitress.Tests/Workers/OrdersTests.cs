using Waitress.Admin;
using Waitress.Workers;

namespace Waitress.Tests.Workers;

public class OrdersTests
{
    [Fact]
    public void Stacks_ThatNobodyTakes_AreBoundedAndTheLatestAreKept()
    {
        var woken = 0;
        var orders = new Orders(() => woken++);
        for (var question = 0; question < 100; question++)
            orders.AskStack(question, question * 2);
        var (_, _, _, _, stacks) = orders.Take();
        Assert.Equal(Enumerable.Range(100 - Questions.Most, Questions.Most).Select(question => ((long)question, question * 2L)), stacks);
        Assert.Equal(100, woken);
        Assert.Empty(orders.Take().Stacks);
    }
}
