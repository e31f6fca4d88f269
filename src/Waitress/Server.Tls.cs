using System.Net;
using Waitress.Metrics;
using Waitress.Telemetry;
using Waitress.Tls;

namespace Waitress;

/// <summary>What the server does about TLS and HTTP/2.</summary>
internal sealed partial class Server
{
    private readonly CertificateWatch? _certificates;

    private TlsOptions? NewTls() => _certificates is null ? null : new TlsOptions(
        _certificates, _settings.Ident, TimeProvider.System, _log, failure => _figures.Count(MetricTable.HandshakesFailed, (int)failure));

    private void Http2Failed(EndPoint? peer, string reason) => _log.Post(LogEvent.Http2Failed, peer, reason);
}
