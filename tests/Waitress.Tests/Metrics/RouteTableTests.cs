using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

public class RouteTableTests
{
    private const long Quick = 1000, Slow = 5_000_000;
    private readonly ManualTime time = new();

    [Theory]
    [InlineData("/", "GET /")]
    [InlineData("", "GET ")]
    [InlineData("*", "GET *")]
    [InlineData("/users/42?name=x", "GET /users/{n}")]
    [InlineData("/42", "GET /{n}")]
    [InlineData("/users/42/posts/7/", "GET /users/{n}/posts/{n}/")]
    [InlineData("/v2/cafe/face", "GET /v2/cafe/face")]
    [InlineData("/f/0f8fad5b-d9cb-469f-a165-70867728950e.pdf", "GET /f/0f8fad5b-d9cb-469f-a165-70867728950e.pdf")]
    [InlineData("/f/0f8fad5b-d9cb-469f-a165-70867728950e", "GET /f/{n}")]
    [InlineData("/f/0f8fad5bd9cb469f", "GET /f/{n}")]
    [InlineData("/f/abcdefabcdefabcdef", "GET /f/abcdefabcdefabcdef")]
    [InlineData("/2024-01-31", "GET /2024-01-31")]
    [InlineData("//1//", "GET //{n}//")]
    [InlineData("http://host/9", "GET http://host/{n}")]
    public void Fold_OfATarget_LeavesIdentifiersOut(string target, string route) => Assert.Equal(route, Fold("GET", target));

    [Fact]
    public void Fold_OfLongInput_IsCutToTheRoom()
    {
        var folded = Fold(new string('M', 500), "/" + new string('x', 5000));
        Assert.Equal(160, folded.Length);
        Assert.StartsWith(new string('M', 20) + " /xxx", folded, StringComparison.Ordinal);
    }

    private static string Fold(string method, string target)
    {
        Span<char> into = stackalloc char[160];
        return into[..RouteTable.Fold(method, target, into)].ToString();
    }

    [Fact]
    public void Record_OfManyQuickRequests_LooksAtAShareThatStandsForAll()
    {
        var table = new RouteTable(time, exact: 10);
        for (var i = 0; i < 10 + 1600; i++)
            table.Record("GET", $"/users/{i}", Quick, failed: false);
        Assert.InRange(table.Read().Routes["GET /users/{n}"].Requests, 1600, 1620);
        Assert.InRange(table.Read().Routes["GET /users/{n}"].Time, 1600 * Quick, 1620 * Quick);

        // A slow one and one that fails are looked at however many were quick.
        table.Record("GET", "/slow", Slow, failed: false);
        table.Record("POST", "/bad", Quick, failed: true);
        var routes = table.Read().Routes;
        Assert.Equal((1, 0, Slow, Slow), (routes["GET /slow"].Requests, routes["GET /slow"].Errors, routes["GET /slow"].Time, routes["GET /slow"].Longest));
        Assert.Equal((1, 1), (routes["POST /bad"].Requests, routes["POST /bad"].Errors));

        // The next half minute begins exactly.
        time.Advance(TimeSpan.FromSeconds(30));
        for (var i = 0; i < 5; i++)
            table.Record("GET", "/next", Quick, failed: false);
        Assert.InRange(table.Read().Routes["GET /next"].Requests, 5, 20);
    }

    [Fact]
    public void Read_AfterFiveMinutes_HasForgotten()
    {
        var table = new RouteTable(time);
        table.Record("GET", "/a", Slow, failed: false);
        time.Advance(TimeSpan.FromMinutes(4));
        table.Record("GET", "/a", Slow, failed: true);
        Assert.Equal((2, 1), (table.Read().Routes["GET /a"].Requests, table.Read().Routes["GET /a"].Errors));
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(1, table.Read().Routes["GET /a"].Requests);
        time.Advance(TimeSpan.FromDays(1));
        Assert.Empty(table.Read().Routes);
    }

    [Fact]
    public void Record_OfMoreRoutesThanAreKept_LeavesFurtherOnesOutAndSaysSo()
    {
        var table = new RouteTable(time);
        for (var i = 0; i < 500; i++)
            table.Record("GET", $"/x{i}", Slow, failed: false);
        Assert.False(table.Read().Partial);
        table.Record("GET", "/x500", Slow, failed: false);
        table.Record("GET", "/x0", Slow, failed: false);
        var (routes, partial) = table.Read();
        Assert.Equal((true, 500, 2), (partial, routes.Count, routes["GET /x0"].Requests));
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.False(table.Read().Partial);
    }
}
