using Waitress.Admin;

namespace Waitress.Tests.Admin;

public class AskedActivityTests
{
    /// <summary>A supervisor that hangs while somebody looks at the status page every second, for days.</summary>
    [Fact]
    public async Task Questions_ThatNobodyTakes_AreBoundedAndTheLatestAreKept()
    {
        var time = new ManualTime();
        var questions = new Questions(time);
        var activity = new AskedActivity(questions, () => { });
        for (var turn = 0; turn < 100; turn++)
        {
            var asked = activity.ReadAsync();
            time.Advance(Questions.Patience);
            Assert.True((await asked).Partial);
        }

        var waiting = activity.StackAsync(3, 7);
        var due = activity.Take();
        Assert.Equal(Questions.Most, due.Count);
        Assert.Equal(("stack", 3, 7), (due[^1].What, due[^1].Slot, due[^1].Request));
        questions.Answer(due[^1].Number, "the stack");
        Assert.Equal("the stack", await waiting);
        Assert.Empty(activity.Take());
    }
}
