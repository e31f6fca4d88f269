using FsCheck;
using FsCheck.Fluent;
using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class CommandLineTests
{
    private static CommandLineResult Good(params string[] arguments)
    {
        var result = CommandLine.Parse(arguments);
        Assert.Empty(result.Errors);
        return result;
    }

    private static string Bad(params string[] arguments) => Assert.Single(CommandLine.Parse(arguments).Errors);

    [Fact]
    public void Parse_ValueAfterEqualsOrAsNextArgument_IsTheSame()
    {
        Assert.Equal("8080", Good("--port=8080", "app:app").Values["port"]);
        Assert.Equal("8080", Good("--port", "8080", "app:app").Values["port"]);
        Assert.Equal("-1", Good("--port", "-1", "app:app").Values["port"]);
        Assert.Equal("a=b:c", Good("--ident=a=b:c", "app:app").Values["ident"]);
        Assert.Equal("--x", Good("--ident=--x", "app:app").Values["ident"]);
        Assert.Equal("", Good("--ident=", "app:app").Values["ident"]);
        Assert.Equal("", Good("--ident", "", "app:app").Values["ident"]);
        Assert.Equal("a b", Good("--ident", "a b", "app:app").Values["ident"]);
        Assert.Equal("[::1]:80", Good("--listen=[::1]:80", "app:app").Values["listen"]);
        Assert.Equal("\"q\"", Good("--ident=\"q\"", "app:app").Values["ident"]);
    }

    [Fact]
    public void Parse_App_IsFoundByPositionAnywhereAndByOption()
    {
        Assert.Equal("app:app", Good("app:app").App);
        Assert.Equal("app:app", Good("app:app", "--port=1").App);
        Assert.Equal("app:app", Good("--port=1", "app:app", "--threads", "2").App);
        Assert.Equal("app:app", Good("--app=app:app", "--port=1").App);
        Assert.Equal("--odd", Good("--", "--odd").App);
        Assert.Equal("waitress-serve", Good("waitress-serve").App);
        Assert.Equal("@file", Good("@file").App);
        Assert.Equal("[suggest]", Good("[suggest]").App);
    }

    [Fact]
    public void Parse_NoAppOrTwo_IsToldInWaitresssWords()
    {
        Assert.Equal("Specify an application", Bad());
        Assert.Equal("Specify an application", Bad("--port=1"));
        Assert.Equal("Specify an application", Bad(""));
        Assert.Equal("Provide only one WSGI app", Bad("a:b", "c:d"));
        Assert.Equal("Provide only one WSGI app", Bad("--app=a:b", "c:d"));
        Assert.Equal("Provide only one WSGI app", Bad("--app=a:b", "--app=c:d"));
    }

    [Fact]
    public void Parse_HelpVersionOrCheckConfig_NeedNoApp()
    {
        Assert.True(Good("--help").Help);
        Assert.True(Good("-h").Help);
        Assert.True(Good("--version").Version);
        Assert.True(Good("--check-config").CheckConfig);
        Assert.Null(Good("--help").App);
    }

    [Fact]
    public void Parse_OwnOptions_AreRead()
    {
        var result = Good("--call", "--config=site.toml", "--check-config", "app:make");
        Assert.Equal((true, "site.toml", true, "app:make"), (result.Call, result.Config, result.CheckConfig, result.App));
        Assert.Empty(result.Values);
        Assert.Equal((false, false, false), (result.Help, result.Version, Good("a:b").Call));
    }

    [Theory]
    [InlineData("--ipv4", "true")]
    [InlineData("--no-ipv4", "false")]
    [InlineData("--ipv4=off", "off")]
    public void Parse_Flag_HasThreeForms(string argument, string expected) => Assert.Equal(expected, Good(argument, "a:b").Values["ipv4"]);

    [Fact]
    public void Parse_Asynchronous_TakesAnOptionalValue()
    {
        Assert.Equal("true", Good("--asynchronous", "a:b").Values["asynchronous"]);
        Assert.Equal("false", Good("--asynchronous=false", "a:b").Values["asynchronous"]);
        Assert.Equal("a:b", Good("--asynchronous", "a:b").App);
    }

    [Fact]
    public void Parse_Repeats_AddUpForListenAndElseTheLastCounts()
    {
        var result = Good("--listen=*:1", "--threads=1", "--ipv4", "--listen", "*:2", "--threads=2", "--no-ipv4", "--call", "--call", "a:b");
        Assert.Equal(["*:1", "*:2"], Assert.IsType<string[]>(result.Values["listen"]));
        Assert.Equal("2", result.Values["threads"]);
        Assert.Equal("false", result.Values["ipv4"]);
        Assert.Equal("true", Good("--no-ipv4", "--ipv4", "a:b").Values["ipv4"]);
    }

    [Fact]
    public void Parse_UniqueAbbreviation_MeansTheOption()
    {
        Assert.Equal("*:1", Good("--list=*:1", "a:b").Values["listen"]);
        Assert.Equal("8", Good("--thr", "8", "a:b").Values["threads"]);
        Assert.Equal("false", Good("--no-exp", "a:b").Values["expose_tracebacks"]);
        Assert.Equal("true", Good("--exp", "a:b").Values["expose_tracebacks"]);
        Assert.True(Good("--check", "a:b").CheckConfig);
        // A whole name counts even where it begins another.
        Assert.Equal("/a", Good("--unix-socket=/a", "a:b").Values["unix_socket"]);
    }

    [Fact]
    public void Parse_AmbiguousAbbreviation_ListsTheCandidates()
    {
        Assert.Equal("option \"--ip\" could be --ipv4, --ipv6", Bad("--ip", "a:b"));
        Assert.Equal("option \"--no-log\" could be --no-log-journal, --no-log-socket-errors, --no-log-untrusted-proxy-headers", Bad("--no-log", "a:b"));
    }

    [Fact]
    public void Parse_UnknownOption_IsToldWithASuggestionAndNoOtherError()
    {
        Assert.Equal("unknown option \"--thraeds\" (did you mean --threads?)", Bad("--thraeds=4", "a:b"));
        Assert.Equal("unknown option \"--quite-another\"", Bad("--quite-another", "x", "a:b"));
        Assert.Equal("unknown option \"-p\"", Bad("-p", "a:b"));
        Assert.Equal("unknown option \"--port:80\"", Bad("--port:80", "a:b"));
    }

    [Fact]
    public void Parse_SeveralMistakes_AreAllTold()
        => Assert.Equal(4, CommandLine.Parse(["--ip", "--nothing-like-it", "--call=1", "a:b", "--threads"]).Errors.Count);

    [Fact]
    public void Parse_ValueMissingOrTooMuch_IsAnError()
    {
        Assert.Contains("--threads", Bad("a:b", "--threads"), StringComparison.Ordinal);
        // As getopt: whatever follows is the value, which the reader then refuses.
        Assert.Equal("--call", Good("--threads", "--call", "a:b").Values["threads"]);
        Assert.Equal("--", Good("--ident", "--", "a:b").Values["ident"]);
        Assert.Equal("--call takes no value, but \"1\" was given", Bad("--call=1", "a:b"));
        Assert.Equal("--no-ipv4 takes no value, but \"1\" was given", Bad("--no-ipv4=1", "a:b"));
    }

    [Fact]
    public void Parse_AnyArguments_NeverThrow()
    {
        var options = OptionSpelling.All.Select(spelling => spelling.Text).Append("--").Append("-").Append("=").ToArray();
        var argument = Gen.OneOf(
            Gen.Elements(options),
            ArbMap.Default.GeneratorFor<string>().Where(text => text is not null),
            from option in Gen.Elements(options) from text in ArbMap.Default.GeneratorFor<string>() select $"{option}={text}",
            from option in Gen.Elements(options) from cut in Gen.Choose(0, 12) select option[..Math.Min(cut, option.Length)]);
        Prop.ForAll(argument.ArrayOf().ToArbitrary(), arguments =>
        {
            var result = CommandLine.Parse(arguments);
            var outcome = SettingsReader.Read(new() { CommandLine = result.Values });
            return (result.App is not null || result.Errors.Count > 0 || result.Help || result.Version || result.CheckConfig)
                && outcome.Settings is null == outcome.Errors.Count > 0;
        }).QuickCheckThrowOnFailure();
    }
}
