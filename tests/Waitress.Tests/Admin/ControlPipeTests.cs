using System.IO.Pipes;
using System.Text;
using Waitress.Admin;

namespace Waitress.Tests.Admin;

/// <summary>The pipe as .NET makes it here, on a unix socket: lines, bounds and the end. That Windows lets nobody else in is .NET's promise, and not seen here.</summary>
public sealed class ControlPipeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pipe-");
    private readonly ManualTime _time = new();
    private readonly ControlPipe _pipe;
    private readonly Thread _python;

    public ControlPipeTests()
    {
        _pipe = ControlPipe.Open(Name, _time);
        _python = new Thread(() =>
        {
            while (_pipe.Take() is { } line)
                _pipe.Answer($"{{\"to\": \"{line.Trim()}\"}}");
        });
        _python.Start();
    }

    private string Name => OperatingSystem.IsWindows() ? "waitress-test-" + _folder.Name : Path.Combine(_folder.FullName, "pipe");

    [Fact]
    public async Task Lines_OfSeveralClients_AreAnsweredEachToItsOwn()
    {
        using var first = await ConnectAsync();
        using var second = await ConnectAsync();
        await first.WriteAsync("one\ntwo\n"u8.ToArray());
        await second.WriteAsync("thr"u8.ToArray());
        Assert.Equal(["{\"to\": \"one\"}", "{\"to\": \"two\"}"], [await LineAsync(first), await LineAsync(first)]);
        await second.WriteAsync("ee\n"u8.ToArray());
        Assert.Equal("{\"to\": \"three\"}", await LineAsync(second));
        await first.WriteAsync("four\n"u8.ToArray());
        Assert.Equal("{\"to\": \"four\"}", await LineAsync(first));
    }

    [Fact]
    public async Task Line_WithoutAnEnd_IsRefused()
    {
        using var client = await ConnectAsync();
        await client.WriteAsync(new byte[ControlPipe.LongestLine]);
        Assert.Contains("longer than 16384 bytes", await LineAsync(client), StringComparison.Ordinal);
        Assert.Equal("", await LineAsync(client));
    }

    [Fact]
    public async Task Client_ThatSaysNothing_IsDroppedAndMakesRoom()
    {
        var clients = new List<NamedPipeClientStream>();
        for (var number = 0; number < 16; number++)
        {
            clients.Add(await ConnectAsync());
            await clients[^1].WriteAsync("here\n"u8.ToArray());
            await LineAsync(clients[^1]);
        }

        using var late = await ConnectAsync();
        await late.WriteAsync("late\n"u8.ToArray());
        var answer = LineAsync(late);
        Assert.True(SpinWait.SpinUntil(() => _time.Timers >= 16, TimeSpan.FromSeconds(20)));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal("{\"to\": \"late\"}", await answer.WaitAsync(TimeSpan.FromSeconds(20)));
        foreach (var client in clients)
        {
            Assert.Equal("", await LineAsync(client).WaitAsync(TimeSpan.FromSeconds(20)));
            await client.DisposeAsync();
        }
    }

    [Fact]
    public void Name_ThatIsTaken_IsOneError()
    {
        var error = Assert.Throws<IOException>(() => ControlPipe.Open(Name, _time));
        Assert.StartsWith($"The control socket {Name} can't be opened: ", error.Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => ControlPipe.Open("", _time));
    }

    [Fact]
    public async Task End_WhileClientsAreThere_ClosesThemAndFreesTheName()
    {
        using var client = await ConnectAsync();
        await client.WriteAsync("one\n"u8.ToArray());
        await LineAsync(client);
        _pipe.Dispose();
        Assert.Equal("", await LineAsync(client).WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.True(_python.Join(TimeSpan.FromSeconds(20)));
        using var again = ControlPipe.Open(Name, _time);
    }

    public void Dispose()
    {
        _pipe.Dispose();
        Assert.True(_python.Join(TimeSpan.FromSeconds(20)));
        _folder.Delete(recursive: true);
    }

    private async Task<NamedPipeClientStream> ConnectAsync()
    {
        var client = new NamedPipeClientStream(".", Name, PipeDirection.InOut, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
        await client.ConnectAsync(20_000);
        return client;
    }

    /// <summary>Without its end; empty at the end.</summary>
    private static async Task<string> LineAsync(NamedPipeClientStream client)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await client.ReadAsync(one) == 1 && one[0] != '\n')
            line.Append((char)one[0]);
        return line.ToString();
    }
}
