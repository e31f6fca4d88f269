using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>Each count that is taken is given back exactly once, by whoever has it.</summary>
[Collection(nameof(PythonProcess))]
public sealed class PyNewTests(PythonProcess python)
{
    [Fact]
    public void NewAndDispose_Balance() => python.Balances("object()", value =>
    {
        using var one = value.New();
        using var two = one.Move();
        Assert.True(one.IsNull);
        Assert.Equal(value.Pointer, two.Borrow().Pointer);
        using var three = value.New().OrThrow();
        new PyNew(three.Release()).Dispose();
    });

    [Fact]
    public void Pin_DisposedTwice_GivesOneCountBack() => python.Balances("object()", value =>
    {
        var live = LiveReferences.Count;
        var pin = value.Pin();
        Assert.Equal(live + 1, LiveReferences.Count);
        Assert.Equal(value.Pointer, pin.Ref.Pointer);
        pin.Dispose();
        pin.Dispose();
        Assert.Equal(live, LiveReferences.Count);
    });
}
