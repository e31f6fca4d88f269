using Waitress.CPython;
using static Waitress.CPython.PythonError;

namespace Waitress.Asgi;

/// <summary>http.response.early_hint: a 103 before the answer.</summary>
internal sealed partial class HttpCall
{
    private PyNew SendHint(PyRef message)
    {
        var links = new List<string>();
        if (AsgiHead.ReadLinks(message, Loop.Side.Messages, links) is { } mistake)
            return Raise(mistake.Fault, mistake.Message);

        // Too late, when the head has left or will; or the client has not taken the last one. It is a hint: nothing is missing without it.
        if (links.Count == 0 || Exchange.Response.Committed || _flushing || _bodySent)
            return Ready();
        Task? sent;
        using (PythonThread.Detach())
            sent = Exchange.SendHintAsync(links);
        if (sent is null)
            return Raise(Fault.Value, "the links of an early hint have to fit into 16 KiB");
        if (sent.IsCompleted)
            return Ready();

        // As with a body: what follows it may not be sent before.
        _flushing = true;
        _ = FinishHint(sent);
        return new WaitAwaitable(() => _flushing && !IsOver ? Wait() : Step.Done(Singletons.NewNone())).ToPython(Loop.Side.Interpreter.AwaitableType.Ref);
    }

    private async Task FinishHint(Task sent)
    {
        await sent.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Loop.Inbox.Post(this, LoopEvent.Flushed);
    }
}
