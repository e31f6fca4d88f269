using Microsoft.Extensions.Primitives;
using Waitress.Tracing;

namespace Waitress.Tests.Tracing;

public sealed class TraceStateTests
{
    private static readonly string Long = new('a', 256);

    public static TheoryData<string> Valid =>
    [
        "a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1 , b=2", "a=1,\tb=2", "a=1,,b=2", ",a=1,", "a_-*/9=x", "1tenant@system=x", $"{new string('t', 241)}@{new string('s', 14)}=x",
        $"{Long}=x", $"a={Long}", "a=with blanks inside", "a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~", string.Join(',', Enumerable.Range(0, 32).Select(i => $"k{i}=v")),
    ];

    public static TheoryData<string> Invalid =>
    [
        "a", "=1", "a=", "A=1", "1a=1", "a b=1", "a=1=2", "é=1", "a=é", "a=\u007f", "a=x\ty", "a@=1", "@a=1", "a@1b=1", "a@b@c=1", $"{Long}a=x", $"a={Long}a",
        $"{new string('t', 242)}@s=x", $"t@{new string('s', 15)}=x", "a=1,b", "a=1;b=2", string.Join(',', Enumerable.Range(0, 33).Select(i => $"k{i}=v")),
    ];

    [Theory]
    [MemberData(nameof(Valid))]
    public void Read_OfWhatIsAllowed_IsTheText(string text) => Assert.Equal(text, TraceState.Read(new StringValues(text)));

    [Theory]
    [MemberData(nameof(Invalid))]
    public void Read_OfAnythingElse_IsNone(string text) => Assert.Null(TraceState.Read(new StringValues(text)));

    [Fact]
    public void Read_OfSeveralLines_IsOneList()
    {
        Assert.Equal("a=1, b=2", TraceState.Read(new StringValues(["a=1", "b=2"])));
        Assert.Null(TraceState.Read(new StringValues(["a=1", "b"])));
        Assert.Null(TraceState.Read(StringValues.Empty));
        Assert.Null(TraceState.Read(new StringValues("")));
    }
}
