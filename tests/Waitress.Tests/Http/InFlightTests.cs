using Waitress.Http;

namespace Waitress.Tests.Http;

public sealed class InFlightTests
{
    [Fact]
    public void Leave_AtTheLimit_TellsOnce()
    {
        var told = 0;
        var inFlight = new InFlight(2, () => told++);
        for (var i = 1; i <= 4; i++)
        {
            inFlight.Enter();
            Assert.Equal(1, inFlight.Count);
            inFlight.Leave();
            Assert.Equal(i, inFlight.Completed);
            Assert.Equal(i < 2 ? 0 : 1, told);
        }
    }
}
