using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

[Collection(nameof(PythonProcess))]
public sealed class PyTextsTests(PythonProcess python)
{
    public static TheoryData<string> Latin1 => ["", "a", "é", "\u0000\u00ff", new string('x', 512), new string('é', 513), new string('ÿ', 70_000)];

    [Theory]
    [MemberData(nameof(Latin1))]
    public void FromLatin1_AnyLength_IsTheSameCharacters(string text) => python.Do(() =>
    {
        using var made = PyTexts.FromLatin1(text);
        Assert.True(PyObjects.IsText(made));
        Assert.Equal(text.Length, PyObjects.LengthOrMinusOne(made));
        Assert.Equal(text, PyTexts.ToText(made));
        var before = Py.Count(made);
        Assert.Equal(Encoding.UTF8.GetBytes(text), PyTexts.Utf8(made, out var ok));
        Assert.True(ok);
        Assert.Equal(before, Py.Count(made));
    });

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("äöü €")]
    [InlineData("😀 beyond the plane")]
    [InlineData("a\0b")]
    public void FromText_AnyText_ComesBack(string text) => python.Do(() =>
    {
        using var made = PyTexts.FromText(text);
        Assert.Equal(text, PyTexts.ToText(made));
    });

    [Fact]
    public void Intern_Twice_IsTheSameObject() => python.Do(() =>
    {
        using var one = PyTexts.Intern("waitress.some.key");
        using var two = PyTexts.Intern("waitress.some.key");
        Assert.Equal(one.Pointer, two.Pointer);
    });

    [Fact]
    public void LoneSurrogates_HaveNoUtf8AndBecomeReplacements() => python.Do(() =>
    {
        using var text = Py.Evaluate("'a\\udc80b'");
        Assert.True(PyTexts.Utf8(text, out var ok).IsEmpty);
        Assert.False(ok || PythonError.IsSet);
        Assert.Equal("a?b", PyTexts.ToText(text));
        using var made = PyTexts.FromText("a\udc80b");
        Assert.Equal("a\ufffdb", PyTexts.ToText(made));
    });

    [Fact]
    public void Utf8_NotAStr_IsNotOk() => python.Do(() =>
    {
        using var number = PyNumbers.From(5);
        Assert.True(PyTexts.Utf8(number, out var ok).IsEmpty);
        Assert.False(ok || PythonError.IsSet);
        Assert.Equal("", PyTexts.ToText(number));
    });

    [Fact]
    public void Texts_Any_GoThereAndBack() => python.Do(() =>
        Prop.ForAll(Gen.Choose(0, 0x10FFFF).Where(code => code is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32).ListOf().Select(string.Concat).ToArbitrary(), text =>
        {
            using var made = PyTexts.FromText(text);
            return PyTexts.ToText(made) == text && PyObjects.LengthOrMinusOne(made) == text.EnumerateRunes().Count();
        }).QuickCheckThrowOnFailure());

    [Fact]
    public void Bytes_AnySize_AreTheSame() => python.Do(() =>
    {
        foreach (var size in new[] { 0, 1, 100_000 })
        {
            var content = Enumerable.Range(0, size).Select(i => (byte)i).ToArray();
            using var made = PyBytes.From(content);
            Assert.True(PyObjects.IsBytes(made));
            Assert.Equal(content, PyBytes.Span(made).ToArray());
            using var filled = PyBytes.Fill(size, content, static (source, target) => source.CopyTo(target));
            Assert.Equal(content, PyBytes.Span(filled).ToArray());
        }

        using var text = PyTexts.FromText("a");
        Assert.True(PyBytes.Span(text).IsEmpty);
        Assert.False(PythonError.IsSet);
    });

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Numbers_ThereAndBack(long value) => python.Do(() =>
    {
        using var made = PyNumbers.From(value);
        Assert.True(PyNumbers.IsInt(made) && !PyNumbers.IsBool(made));
        Assert.Equal(value, PyNumbers.ToInt64(made));
        Assert.False(PythonError.IsSet);
    });

    [Fact]
    public void Numbers_TooLarge_TellByAnError() => python.Do(() =>
    {
        using var large = Py.Evaluate("1 << 63");
        Assert.Equal(-1, PyNumbers.ToInt64(large));
        Assert.True(PythonError.IsSet);
        PythonError.Clear();
        using var truth = PyNumbers.From(true);
        Assert.True(PyNumbers.IsBool(truth) && PyObjects.IsTrue(truth));
        using var half = Py.Evaluate("0.5");
        Assert.True(PyNumbers.IsFloat(half));
        Assert.Equal(0.5, PyNumbers.ToDouble(half));
    });
}
