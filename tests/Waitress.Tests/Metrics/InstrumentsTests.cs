using System.Diagnostics.Metrics;
using Waitress.Http;
using Waitress.Metrics;
using Waitress.Tests.Http;

namespace Waitress.Tests.Metrics;

[Collection(TemporaryFiles.Alone)]
public class InstrumentsTests
{
    private static void Answer(Exchange exchange)
    {
        exchange.Taken(TimeProvider.System.GetTimestamp(), 0);
        exchange.Response.Start(200, "OK");
        exchange.Answered(TimeProvider.System.GetTimestamp());
    }

    [Fact]
    public async Task Listener_OfTheMeter_GetsWhatTheBoardHasAndEachTime()
    {
        var figures = new WorkerFigures(MetricBoard.Private(), 0, TimeProvider.System);
        using var instruments = new Instruments(figures.Region);
        figures.Instruments = instruments;
        var values = new Dictionary<string, double>();
        var units = new Dictionary<string, string?>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                // Meters of tests that run beside this one have the same name.
                if (instrument.Meter == instruments.Duration.Meter)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
        {
            var labels = string.Join(',', tags.ToArray().Select(tag => tag.Value));
            lock (values)
            {
                units[instrument.Name] = instrument.Unit;
                values[$"{instrument.Name} {labels}".Trim()] = instrument is Histogram<double> ? values.GetValueOrDefault(instrument.Name) + 1 : value;
            }
        });
        listener.Start();
        Assert.True(instruments.Duration.Enabled);
        await using (var server = await EngineServer.StartAsync(Answer, figures: figures))
        {
            using var client = server.Connect();
            client.Get();
            client.Get();
        }

        figures.Refresh();
        listener.RecordObservableInstruments();
        Assert.Equal((2, 0, 1), (values["waitress.requests GET,2xx"], values["waitress.requests POST,2xx"], values["waitress.connections.accepted"]));
        Assert.All((string[])["request.duration", "request.queue_wait", "request.gil_wait", "request.app", "request.body.size", "response.body.size"],
            name => Assert.Equal(2, values["waitress." + name]));
        Assert.True(values["waitress.worker.dotnet.heap"] > 0);
        Assert.Equal(("s", "By", null), (units["waitress.request.duration"], units["waitress.response.body.size"], units["waitress.requests"]));
    }
}
