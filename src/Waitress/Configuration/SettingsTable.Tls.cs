using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>The rows of TLS and of the versions of HTTP.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] TlsRows =>
    [
        new("certfile", SettingGroup.Tls, Paths, ValueList<string>.Empty)
        {
            Repeats = true, Origin = AsGunicorn, Apply = (s, v) => s with { Certfile = Strings(v) },
            Help = "Certificate, followed by its chain, in PEM form or PKCS#12: every listener then speaks TLS. Given several times, each with its --keyfile, the name that the client asks for chooses (subject alternative names, wildcards too), and the first is for all other names. Renewed files are noticed within seconds.",
            Difference = "New.",
        },
        new("keyfile", SettingGroup.Tls, Paths, ValueList<string>.Empty)
        {
            Repeats = true, Origin = AsGunicorn, Apply = (s, v) => s with { Keyfile = Strings(v) }, DefaultText = "the key is in the certfile",
            Help = "Private key of the certificate (RSA or EC; PKCS#8, encrypted or not, or OpenSSL's older forms, not encrypted); as many as certificates, in the same order. The user that the workers run as has to be able to read it.",
            Difference = "New.",
        },
        new("keyfile_password", SettingGroup.Tls, Hidden, null)
        {
            Origin = "Uvicorn and Hypercorn", Apply = (s, v) => s with { KeyfilePassword = (Secret?)v },
            Help = "Password of encrypted keys; never shown. On a command line others can read it: better the environment or --keyfile-password-file.",
            Difference = "New.",
        },
        new("keyfile_password_file", SettingGroup.Tls, PathOrNone, null)
        {
            Origin = "secrets that are mounted as files", Apply = (s, v) => s with { KeyfilePasswordFile = (string?)v },
            Help = "File whose first line is the password of encrypted keys; read again with renewed certificates.",
            Difference = "New.",
        },
        new("ca_certs", SettingGroup.Tls, PathOrNone, null)
        {
            Origin = AsGunicorn, Apply = (s, v) => s with { CaCerts = (string?)v },
            Help = "Certificates (PEM) of the authorities that client certificates have to come from; needs --client-cert.",
            Difference = "New.",
        },
        new("client_cert", SettingGroup.Tls, Word(Settings.ClientCertNone, Settings.ClientCertOptional, Settings.ClientCertRequired), Settings.ClientCertNone)
        {
            Origin = "Gunicorn's cert_reqs", Apply = (s, v) => s with { ClientCert = (string)v! },
            Help = "Whether clients are asked for a certificate. optional: one that is sent has to be valid. required: a connection without one is refused.",
            Difference = "New.",
        },
        new("tls_min_version", SettingGroup.Tls, Word("1.2", "1.3"), "1.2")
        {
            Origin = "RFC 8996, which forbids what is older", Apply = (s, v) => s with { TlsMinVersion = (string)v! },
            Help = "The oldest version of TLS that is spoken.",
            Difference = "New.",
        },
        new("http", SettingGroup.Tls, Words(Settings.Http1, Settings.Http2, Settings.Http3), ValueList<string>.Empty)
        {
            Origin = "without TLS, HTTP/2 brings nothing behind a proxy", Apply = (s, v) => s with { Http = Strings(v) },
            DefaultText = "1,2 with TLS, 1 without",
            Help = "Versions of HTTP that are spoken: 1 (1.1 and 1.0), 2, or 1,2. With TLS the client chooses (ALPN); without, 1,2 tells them apart by the first bytes (HTTP/2 by prior knowledge).",
            Difference = "New.",
        },
        new("http2_max_streams", SettingGroup.Tls, Whole(1, 1000), 100L)
        {
            Origin = "Kestrel and RFC 9113 section 6.5.2", Apply = (s, v) => s with { Http2MaxStreams = Int(v) }, Unit = "streams",
            Help = "Requests that one HTTP/2 connection may have at once; more are refused so that the client may send them again.",
            Difference = "New.",
        },
    ];
}
