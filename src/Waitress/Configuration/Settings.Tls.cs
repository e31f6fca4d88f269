namespace Waitress.Configuration;

/// <summary>TLS and the versions of HTTP.</summary>
internal sealed partial record Settings
{
    /// <summary>The words of client_cert.</summary>
    public const string ClientCertNone = "none", ClientCertOptional = "optional", ClientCertRequired = "required";

    /// <summary>The words of http.</summary>
    public const string Http1 = "1", Http2 = "2", Http3 = "3";

    /// <summary>Certificates with their chains, PEM or PKCS#12; the first answers for names that no other has. Empty: no TLS.</summary>
    public ValueList<string> Certfile { get; init; } = [];

    /// <summary>The key of each certificate in the same order; empty: the keys are in the files of the certificates.</summary>
    public ValueList<string> Keyfile { get; init; } = [];
    public Secret? KeyfilePassword { get; init; }
    public string? KeyfilePasswordFile { get; init; }
    public string? CaCerts { get; init; }
    public string ClientCert { get; init; } = ClientCertNone;
    public string TlsMinVersion { get; init; } = "1.2";

    /// <summary>As stated; empty: what fits the listener.</summary>
    public ValueList<string> Http { get; init; } = [];
    public int Http2MaxStreams { get; init; } = 100;

    /// <summary>Whether every listener speaks TLS.</summary>
    public bool Tls => Certfile.Count > 0;

    /// <summary>Whether HTTP/1.1 and 1.0 are spoken.</summary>
    public bool SpeaksHttp1 => Http.Count == 0 || Http.Contains(Http1);

    /// <summary>
    /// Whether HTTP/2 is spoken. Without TLS only when it is asked for: behind a proxy it brings nothing, and what can be reached can be attacked.
    /// </summary>
    public bool SpeaksHttp2 => Http.Count == 0 ? Tls : Http.Contains(Http2);
}

/// <summary>A value that is never shown: not in reports, messages, or what Python is told of the settings.</summary>
internal sealed record Secret(string Text)
{
    public override string ToString() => "(hidden)";
}
