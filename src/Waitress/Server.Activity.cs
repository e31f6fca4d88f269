using Waitress.Admin;
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Metrics;

namespace Waitress;

/// <summary>What this process is doing, for the status page: its routes, its requests under way and the stacks they are in. Only with <c>admin_listen</c> or a supervisor.</summary>
internal sealed partial class Server : IActivity
{
    // Looked at when somebody asks for metrics, which is seldom more often.
    private static readonly TimeSpan CollectorTime = TimeSpan.FromSeconds(5);

    private readonly RouteTable? _routes;
    private readonly LiveRequests? _live;
    private readonly ITimer? _collectors;
    private long[] _formerCollectors = []; // Of interpreters that have ended; guarded by the lock.

    /// <summary>What the thread that runs the server is to answer.</summary>
    public Questions Questions { get; } = new(TimeProvider.System);

    /// <summary>As <see cref="ActivityReport"/>; any thread.</summary>
    public string Activity()
    {
        if (_routes is null || _live is null)
            return "{}";
        _routes.Wanted = true;
        return ActivityReport.Write(_routes, _live, IsAsgi ? Settings.Asgi : Settings.Wsgi, id => Serving(id)?.Thread.Name, TimeProvider.System);
    }

    /// <summary>The ident of the Python thread that has a request; 0 when none has.</summary>
    public long ThreadOf(long request) => Serving(request)?.Thread.Ident ?? 0;

    Task<(IReadOnlyList<(int Slot, string Report)> Reports, bool Partial)> IActivity.ReadAsync() =>
        Task.FromResult<(IReadOnlyList<(int, string)>, bool)>(([(0, Activity())], false));

    async Task<string?> IActivity.StackAsync(int slot, long request) =>
        slot == 0 && ThreadOf(request) != 0 ? await Questions.AskAsync(number => Orders.AskStack(number, request)) : null;

    private ITimer OpenCollectors() =>
        TimeProvider.System.CreateTimer(static self => ((Server)self!).AskCollectors(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private void AskCollectors()
    {
        foreach (var pool in _pools)
            pool.Orders.AskCollector();
        foreach (var home in Homes)
            home.Orders.AskCollector();
    }

    private Workers.Worker? Serving(long request) => _live?.Find(request) is { } exchange
        ? _pools.SelectMany(pool => pool.Workers).FirstOrDefault(worker => worker.CurrentCall?.Exchange == exchange)
        : null;
}
