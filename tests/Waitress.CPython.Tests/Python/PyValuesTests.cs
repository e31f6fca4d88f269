using Waitress.Configuration;
using Waitress.CPython.Tests.Harness;
using Waitress.Python;

namespace Waitress.CPython.Tests.Python;

/// <summary>Values on their way from Python to the table of settings.</summary>
[Collection(nameof(PythonProcess))]
public sealed class PyValuesTests(PythonProcess python)
{
    [Fact]
    public void Dictionary_OfPlainValues_IsTheSame() => python.Balances("{'a': None, 'b': [True, 1, 0.5, 'x'], 'c': ('y',), 'd': 10 ** 30}", value =>
    {
        var read = PyValues.ToDictionary(value);
        Assert.Equal(["a", "b", "c", "d"], read.Keys);
        Assert.Null(read["a"]);
        Assert.Equal([true, 1L, 0.5, "x"], Assert.IsType<List<object?>>(read["b"]));
        Assert.Equal(["y"], Assert.IsType<List<object?>>(read["c"]));
        Assert.Equal("1" + new string('0', 30), read["d"]);
    });

    [Theory]
    [InlineData("listen", "loop = []; loop.append(loop)")]
    [InlineData("listen", "loop = []; loop.extend([loop] * 50)")]
    [InlineData("trusted_proxy", "loop = []\nfor _ in range(100_000): loop = [loop]")]
    [InlineData("threads", "loop = {}; loop['a'] = loop")]
    public void Value_HoldingItselfOrVeryDeep_IsRefusedAsASetting(string name, string make) => python.Do(() =>
    {
        Py.Execute(make);
        using var keywords = Py.Evaluate($"{{'{name}': loop}}");
        var outcome = SettingsReader.Read(new SettingsSources { Keywords = PyValues.ToDictionary(keywords) });
        Assert.Null(outcome.Settings);
        Assert.StartsWith($"{name} (", Assert.Single(outcome.Errors), StringComparison.Ordinal);
        Assert.False(PythonError.IsSet);
        Py.Execute("if isinstance(loop, dict): loop.clear()\nwhile isinstance(loop, list) and loop: loop = loop.pop() if len(loop) == 1 else loop.clear()");
    });
}
