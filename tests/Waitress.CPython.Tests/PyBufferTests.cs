using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>A buffer holds its exporter exactly as long as it is taken.</summary>
[Collection(nameof(PythonProcess))]
public sealed class PyBufferTests(PythonProcess python)
{
    [Fact]
    public void Buffers_TakenAndRefused_Balance()
    {
        foreach (var value in new[] { "bytes(b'abc')", "bytearray(b'abc')", "memoryview(b'abc')", "memoryview(b'xaxbxc')[:3]" })
        {
            python.Balances(value, exporter =>
            {
                using var buffer = new PyBuffer();
                Assert.True(buffer.TryTake(exporter));
                Assert.Equal(3, buffer.Bytes.Length);
            });
        }

        foreach (var value in new[] { "memoryview(b'abcdef')[::2]", "'abc'", "5" })
        {
            python.Balances(value, exporter =>
            {
                using var buffer = new PyBuffer();
                Assert.False(buffer.TryTake(exporter));
                Assert.True(PythonError.IsSet);
                PythonError.Clear();
            });
        }

        python.Balances("b'abc'", exporter =>
        {
            using var buffer = new PyBuffer();
            Assert.False(buffer.TryTake(exporter, writable: true));
            PythonError.Clear();
        });
        python.Balances("bytearray(b'abc')", exporter =>
        {
            using (var buffer = new PyBuffer())
            {
                Assert.True(buffer.TryTake(exporter, writable: true));
                buffer.WritableBytes[0] = (byte)'z';
                using var blocked = Py.Evaluate("bytearray.append");
                using var one = PyNumbers.From(1);
                using var grown = PyObjects.Call(blocked, exporter, one);
                Assert.True(grown.IsNull); // BufferError: it is held.
                PythonError.Clear();
            }

            Assert.Equal("bytearray(b'zbc')", PyObjects.Represent(exporter));
        });
    }
}
