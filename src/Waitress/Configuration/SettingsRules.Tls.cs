namespace Waitress.Configuration;

/// <summary>The rules of TLS. What the files hold is judged when they are read, by <c>CertificateFiles</c>.</summary>
internal static partial class SettingsRules
{
    private static readonly string[] OnlyWithCertificate = ["keyfile", "keyfile_password_file", "ca_certs", "tls_min_version"];

    private static void JudgeTls(SettingsDraft draft)
    {
        var certificates = draft.Value<ValueList<string>>("certfile")?.Count ?? 0;
        var keys = draft.Value<ValueList<string>>("keyfile")?.Count ?? 0;
        var asked = draft.Value<string>("client_cert") is Settings.ClientCertOptional or Settings.ClientCertRequired;
        if (draft.Refused.Contains("certfile")) return;
        if (certificates == 0)
        {
            foreach (var name in OnlyWithCertificate.Where(name => draft.Stated.TryGetValue(name, out var stated) && stated.Value is not (null or ValueList<string> { Count: 0 })))
                draft.Errors.Add($"{Told(draft, name)}: needs certfile");
            if (asked)
                draft.Errors.Add($"{Told(draft, "client_cert")}: needs certfile");
        }
        else
        {
            if (keys != 0 && keys != certificates && !draft.Refused.Contains("keyfile"))
                draft.Errors.Add($"{Told(draft, "certfile")}, {Told(draft, "keyfile")}: {certificates} certificate(s) and {keys} key(s); give as many keys, in the same order, or none");
            if (asked && draft.Value<string>("ca_certs") is null && !draft.Refused.Contains("ca_certs"))
                draft.Errors.Add($"{Told(draft, "client_cert")}: needs ca_certs, which says whose certificates count");
            if (!asked && draft.Value<string>("ca_certs") is not null && !draft.Refused.Contains("client_cert"))
                draft.Errors.Add($"{Told(draft, "ca_certs")}: needs client_cert=optional or required; without it no client is asked for a certificate");
            if (!draft.Stated.ContainsKey("url_scheme"))
                draft.Stated["url_scheme"] = new StatedSetting(SettingsTable.Row("url_scheme"), "https", new SettingOrigin(0, "certfile"));
        }

        if (draft.Value<Secret>("keyfile_password") is not null && draft.Value<string>("keyfile_password_file") is not null)
            draft.Errors.Add($"{Told(draft, "keyfile_password")}, {Told(draft, "keyfile_password_file")}: these exclude each other");
        JudgeVersions(draft, certificates > 0);
    }

    private static void JudgeVersions(SettingsDraft draft, bool tls)
    {
        var versions = draft.Value<ValueList<string>>("http") ?? [];
        if (versions.Contains(Settings.Http3))
            draft.Errors.Add($"{Told(draft, "http")}: HTTP/3 is not in this build, which has no QUIC (msquic); let a proxy in front speak it: docs/tls.md");
        if (draft.Stated.ContainsKey("http2_max_streams") && !(versions.Count == 0 ? tls : versions.Contains(Settings.Http2)))
            draft.Warnings.Add($"{Told(draft, "http2_max_streams")}: without effect, since HTTP/2 is not spoken");
    }
}
