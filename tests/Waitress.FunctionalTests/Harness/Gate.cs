namespace Waitress.FunctionalTests.Harness;

/// <summary>
/// Holds apps until the test lets go: FileShare.None takes an exclusive flock here, the app asks for a shared one.
/// Any number of requests wait at one gate, and late ones pass once it is open.
/// </summary>
internal sealed class Gate : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileStream _lock;

    public Gate() => _lock = new FileStream(File, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);

    public string File => _folder.File("gate");

    /// <summary>The query that makes the app mark `name` and wait here.</summary>
    public string Query(string name) => $"name={name}&gate={Uri.EscapeDataString(File)}";

    public void Open() => _lock.Dispose();

    public void Dispose()
    {
        _lock.Dispose();
        _folder.Dispose();
    }
}
