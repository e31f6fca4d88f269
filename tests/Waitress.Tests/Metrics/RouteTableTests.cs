using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

public class RouteTableTests
{
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
}
