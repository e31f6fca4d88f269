using System.Text.Json;

namespace Waitress.Admin;

/// <summary>A question for the supervisor's Python thread.</summary>
/// <param name="Number">For its answer.</param>
/// <param name="What">"activity", whose answer is a JSON array of [slot, report], and null for a worker that has none; or "stack".</param>
/// <param name="Slot">Of a stack: the worker.</param>
/// <param name="Request">Of a stack: the request.</param>
internal readonly record struct Question(long Number, string What, int Slot, long Request);

/// <summary>Under a supervisor: its Python thread asks the workers, by the channels that it has to them.</summary>
/// <param name="questions">Holds those that wait.</param>
/// <param name="wake">Lets the thread look.</param>
internal sealed class AskedActivity(Questions questions, Action wake) : IActivity
{
    private readonly Lock _gate = new();
    private List<Question> _due = [];

    public async Task<(IReadOnlyList<(int Slot, string Report)> Reports, bool Partial)> ReadAsync()
    {
        try
        {
            return Read(await questions.AskAsync(number => Ask(new Question(number, "activity", 0, 0))));
        }
        catch (TimeoutException)
        {
            return ([], true);
        }
    }

    public Task<string?> StackAsync(int slot, long request) => questions.AskAsync(number => Ask(new Question(number, "stack", slot, request)));

    /// <summary>Takes out all there is.</summary>
    public IReadOnlyList<Question> Take()
    {
        lock (_gate)
        {
            var taken = _due;
            _due = [];
            return taken;
        }
    }

    /// <summary>The answer to "activity".</summary>
    public static (IReadOnlyList<(int Slot, string Report)> Reports, bool Partial) Read(string? answer)
    {
        using var document = JsonDocument.Parse(answer ?? "[]");
        var all = document.RootElement.EnumerateArray().Select(pair => (Slot: pair[0].GetInt32(), Report: pair[1].GetString())).ToArray();
        return ([.. all.Where(pair => pair.Report is not null).Select(pair => (pair.Slot, pair.Report!))], all.Any(pair => pair.Report is null));
    }

    private void Ask(Question question)
    {
        lock (_gate)
        {
            // A supervisor that hangs takes none; those who have asked the first ones wait no more.
            if (_due.Count == Questions.Most)
                _due.RemoveAt(0);
            _due.Add(question);
        }

        wake();
    }
}
