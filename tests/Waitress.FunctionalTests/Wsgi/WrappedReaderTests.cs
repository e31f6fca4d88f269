using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>A file object over another one: its bytes are those of read(), whatever descriptor lies below.</summary>
public sealed class WrappedReaderTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Theory]
    [InlineData("gzip")]
    [InlineData("buffered-gzip")]
    [InlineData("buffered-memory")]
    public async Task FileWrapper_OverAReaderOfAReader_SendsWhatItReads(string kind)
    {
        using var client = await suite.ConnectAsync();
        foreach (var size in new[] { 10, 200_000 })
        {
            var response = await client.GetAsync($"/file?kind={kind}&size={size}");
            Assert.Equal(200, response.Status);
            Assert.Equal(Pattern.Digest(Pattern.Bytes(size)), Pattern.Digest(response.Body));
        }

        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }
}
