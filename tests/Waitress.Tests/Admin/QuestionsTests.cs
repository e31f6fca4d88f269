using Waitress.Admin;

namespace Waitress.Tests.Admin;

public class QuestionsTests
{
    private readonly ManualTime time = new();

    [Fact]
    public async Task Ask_AnsweredInTime_GivesTheAnswerOfItsNumber()
    {
        var questions = new Questions(time);
        var (first, second) = (0L, 0L);
        var one = questions.AskAsync(number => first = number);
        var other = questions.AskAsync(number => second = number);
        questions.Answer(second, null);
        questions.Answer(first, "yes");
        questions.Answer(first, "late");
        questions.Answer(99, "nobody asked");
        Assert.Equal(("yes", null), (await one, await other));
    }

    [Fact]
    public async Task Ask_AnsweredTooLate_IsATimeout()
    {
        var questions = new Questions(time);
        var asked = 0L;
        var waiting = questions.AskAsync(number => asked = number);
        time.Advance(Questions.Patience);
        await Assert.ThrowsAsync<TimeoutException>(() => waiting);
        questions.Answer(asked, "late");
    }

    [Fact]
    public async Task Ask_BeyondTheBound_IsRefusedAtOnce()
    {
        var questions = new Questions(time);
        var numbers = new List<long>();
        var waiting = Enumerable.Range(0, 32).Select(_ => questions.AskAsync(numbers.Add)).ToArray();
        await Assert.ThrowsAsync<TimeoutException>(() => questions.AskAsync(numbers.Add));
        foreach (var number in numbers)
            questions.Answer(number, "x");
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal("x", answer));
    }
}
