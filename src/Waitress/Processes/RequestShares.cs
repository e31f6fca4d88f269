namespace Waitress.Processes;

/// <summary>What a look at the shares has found.</summary>
/// <param name="Receiver">The slot that should get a connection of this worker's; -1: nothing is to be moved.</param>
/// <param name="IsDue">Whether by now it has been uneven for long enough.</param>
/// <param name="Share">This worker's part of what it and the receiver served lately; 0 where there is none, NaN where that can't be told yet.</param>
internal readonly record struct Unevenness(int Receiver, bool IsDue, double Share)
{
    public static readonly Unevenness None = new(-1, false, 0);
    public static readonly Unevenness Unknown = new(-1, false, double.NaN);
}

/// <summary>
/// Who of the workers has served how much lately, from the requests that each writes to the board with its heartbeat. Connections alone don't tell: three
/// long ones are two and one on two workers, and of many some may be idle. Each worker keeps its own account of all; at one moment only the one that is furthest ahead
/// finds that it should give a connection away. On the heartbeat's thread.
/// </summary>
internal sealed class RequestShares(Scoreboard board, Balance balance, int slot, TimeProvider time)
{
    // How many times as much as another a worker may serve: below the 1.5 that is promised over any longer time, above what chance brings.
    private const double Tolerance = 1.3;

    // One worker with one connection more than the others is ahead by half a second's worth of it, then the next one is: over seconds that is even.
    private const double LeadTime = 0.5;

    // Fewer requests than these prove nothing.
    private const int Enough = 100;
    private const double LeastLead = Enough / 2;

    // Rates are of the last second, or of up to four where requests are rare.
    private const long Window = 1_000_000_000;
    private const int Looks = 17;

    // What was served a while ago counts less and less: nobody is to make up for it.
    private const double Memory = 3e9;

    private readonly Sample[][] _samples = [.. Enumerable.Range(0, board.Slots).Select(_ => new Sample[Looks])];
    private readonly int[] _known = new int[board.Slots]; // How many samples in a row are of the same worker, which serves.
    private readonly long[] _pids = new long[board.Slots];
    private readonly double[] _lead = new double[board.Slots]; // Requests more than the others' mean.
    private readonly double[] _rate = new double[board.Slots];
    private long _looked;
    private int _count; // Of looks.
    private int _from; // The first of them that rates may count from.

    /// <summary>Rates are of what comes now: a connection has just been moved.</summary>
    public void StartAnew() => _from = _count + 1;

    /// <summary>To be called a few times per second, after this worker's own figures were written.</summary>
    public Unevenness Look()
    {
        var now = Monotonic.Now(time);
        var elapsed = now - _looked;
        _looked = now;
        _count++;
        for (var each = 0; each < _known.Length; each++)
            Take(each, now);
        Account(Math.Exp(-elapsed / Memory));
        return Span(now) is var span and > 0 ? Judge(span) : Unevenness.Unknown;
    }

    private Sample At(int each, int ago) => _samples[each][(_count - ago) % Looks];

    private void Take(int each, long now)
    {
        var sample = new Sample(board[each, Field.Completed], each == slot ? now : board[each, Field.Heartbeat], now);
        var pid = board[each, Field.Pid];
        var same = _known[each] > 0 && _pids[each] == pid && sample.Requests >= At(each, 1).Requests;
        _known[each] = !balance.Counts(each) ? 0 : same ? Math.Min(_known[each] + 1, Looks) : 1;
        if (_pids[each] != pid)
            _lead[each] = 0;
        _pids[each] = pid;
        _samples[each][_count % Looks] = sample;
    }

    private void Account(double kept)
    {
        double sum = 0;
        var serving = 0;
        for (var each = 0; each < _known.Length; each++)
        {
            if (_known[each] < 2)
                continue;
            sum += At(each, 0).Requests - At(each, 1).Requests;
            serving++;
        }

        for (var each = 0; each < _known.Length; each++)
        {
            _lead[each] *= kept;
            if (_known[each] >= 2)
                _lead[each] += At(each, 0).Requests - At(each, 1).Requests - (sum / serving);
        }
    }

    // Over how many looks there is enough to judge by; 0: over none.
    private int Span(long now)
    {
        for (var span = 1; span < _known[slot] && span <= _count - _from; span++)
        {
            var then = At(slot, span);
            if (now - then.Taken >= Window && At(slot, 0).Requests - then.Requests >= Enough)
                return span;
        }

        return 0;
    }

    private Unevenness Judge(int span)
    {
        var least = double.MaxValue;
        for (var each = 0; each < _known.Length; each++)
        {
            if (_known[each] <= span)
                continue;
            var (newest, oldest) = (At(each, 0), At(each, span));

            // By its own heartbeats: they come up to a quarter of a second apart, at rest up to one.
            var beats = newest.Beat - oldest.Beat;
            _rate[each] = beats <= 0 ? 0 : (newest.Requests - oldest.Requests) * 1e9 / beats;
            least = Math.Min(least, _rate[each]);
        }

        var (own, receiver) = (_rate[slot], -1);
        if (own <= least * Tolerance)
            return Unevenness.None;
        for (var each = 0; each < _known.Length; each++)
        {
            if (each == slot || _known[each] <= span)
                continue;
            if (_rate[each] > least * Tolerance && (_lead[each] > _lead[slot] || (_lead[each] == _lead[slot] && each < slot)))
                return Unevenness.None; // That one's turn comes first.
            if (_rate[each] * Tolerance < own && (receiver < 0 || _lead[each] < _lead[receiver]))
                receiver = each;
        }

        var lead = receiver < 0 ? 0 : _lead[slot] - _lead[receiver];
        return receiver < 0 ? Unevenness.None
            : new Unevenness(receiver, lead >= Math.Max(LeastLead, (own - _rate[receiver]) * LeadTime), own / (own + _rate[receiver]));
    }

    /// <param name="Requests">Answered since the worker's start.</param>
    /// <param name="Beat">When it wrote that.</param>
    /// <param name="Taken">When it was read.</param>
    private readonly record struct Sample(long Requests, long Beat, long Taken);
}
