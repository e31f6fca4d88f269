using Waitress.Workers;

namespace Waitress.Asgi;

/// <summary>What the event loops of one interpreter have in common.</summary>
/// <param name="orders">For the thread that carries out orders there.</param>
internal sealed class LoopHome(Orders orders)
{
    public Orders Orders { get; } = orders;

    /// <summary>What Python's garbage collector has done there, as <see cref="Metrics.CollectorFigures"/> has it; replaced, never changed.</summary>
    public long[] Collector { get; set; } = [];
}
