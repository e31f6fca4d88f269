namespace Waitress.Tls;

/// <summary>Why a handshake failed, as the metrics tell it apart; each has its name in <see cref="HandshakeFailures.Names"/>.</summary>
internal enum HandshakeFailure
{
    /// <summary>It was not done in time.</summary>
    Timeout,

    /// <summary>A request of HTTP in plain text.</summary>
    PlainHttp,

    /// <summary>Anything else that is no TLS.</summary>
    NotTls,

    /// <summary>The client closed the connection before the end.</summary>
    Closed,

    /// <summary>The client's certificate is missing or was refused.</summary>
    ClientCertificate,

    /// <summary>OpenSSL's reasons: no version or cipher suite in common, an alert of a client that does not trust our certificate.</summary>
    Protocol,
}

/// <summary>Their names as label values.</summary>
internal static class HandshakeFailures
{
    public static readonly string[] Names = ["timeout", "plain_http", "not_tls", "closed", "client_certificate", "protocol"];
}
