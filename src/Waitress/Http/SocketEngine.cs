namespace Waitress.Http;

/// <summary>
/// .NET's socket engine, set for a server whose continuations never wait: one thread polls the sockets and runs what follows
/// in place. Each hop to another thread that this saves costs more than parsing a request (ARCHITECTURE, "Speed").
/// </summary>
internal static class SocketEngine
{
    /// <summary>To be called before the first socket is made: the engine reads its settings once, from the environment.</summary>
    public static void Configure()
    {
        // These reach .NET only: the process's own environment, which Python and child processes see, stays as it is.
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", "1");
    }
}
