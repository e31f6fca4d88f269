using System.Collections;

namespace Waitress.Asgi;

/// <summary>The calls of a loop, linked by themselves: one comes and goes with every request, and a set would hash it twice. The loop's thread only.</summary>
internal sealed class CallList : IEnumerable<AsgiCall>
{
    private AsgiCall? _last;

    public void Add(AsgiCall call)
    {
        (call.Before, call.After) = (_last, null);
        if (_last is not null)
            _last.After = call;
        _last = call;
        call.IsListed = true;
    }

    /// <summary>Does nothing for one that is not in it.</summary>
    public void Remove(AsgiCall call)
    {
        if (!call.IsListed)
            return;
        if (call.Before is not null)
            call.Before.After = call.After;
        if (call.After is not null)
            call.After.Before = call.Before;
        else
            _last = call.Before;
        (call.Before, call.After, call.IsListed) = (null, null, false);
    }

    /// <inheritdoc/>
    public IEnumerator<AsgiCall> GetEnumerator()
    {
        for (var call = _last; call is not null;)
        {
            var before = call.Before; // Whoever goes through it may take out the one that is given.
            yield return call;
            call = before;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
