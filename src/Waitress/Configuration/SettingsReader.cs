namespace Waitress.Configuration;

/// <summary>
/// Makes the effective settings out of all sources. Receives raw values, promises either validated settings or every
/// error at once; never throws on what a user wrote. Reads nothing but the files of addresses that settings name (deny, allow); any thread.
/// </summary>
internal static class SettingsReader
{
    private const string OwnPrefix = "WAITRESS_";

    // Kubernetes gives every pod SERVICE_PORT=tcp://... for each service: one named "waitress" must not stop the start.
    private const string ServiceLink = "tcp://";

    public static SettingsOutcome Read(SettingsSources sources)
    {
        var draft = new SettingsDraft();
        // 1. Each source states what it can; the strongest value of each option stays.
        ReadNamed(draft, sources.CommandLine, SettingOrigin.CommandLine);
        ReadNamed(draft, sources.Keywords, SettingOrigin.Keyword);
        ReadEnvironment(draft, sources.Environment);
        ReadNamed(draft, sources.File, SettingOrigin.File(sources.FileName));
        OtelSettings.State(draft, sources.Environment);
        // 2. Options that work together are judged on what won.
        SettingsRules.Judge(draft);
        // 3. What is left goes into the record.
        var settings = draft.Errors.Count > 0 ? null
            : draft.Stated.Values.Aggregate(new Settings { ListenStated = SaysWhere(draft) }, (sum, stated) => stated.Row.Apply(sum, stated.Value));
        if (settings is { WorkerClass: Settings.Process }) settings = settings with { Supervised = true };
        if (settings is { OtlpEndpoint: not null }) settings = settings with { Otel = OtelSettings.Read(sources.Environment, draft.Warnings) };
        return new SettingsOutcome(settings, draft.Errors, draft.Warnings, SettingsReport.Write(draft), Values(settings, draft));
    }

    private static Dictionary<string, object?> Values(Settings? settings, SettingsDraft draft)
    {
        if (settings is null) return [];
        var values = SettingsTable.Rows.ToDictionary(
            row => row.Name, row => draft.Stated.TryGetValue(row.Name, out var stated) && !row.Kind.IsHidden ? stated.Value : row.Default, StringComparer.Ordinal);
        values["workers"] = (long)settings.WorkerCount;
        values["threads"] = (long)settings.ThreadsOfWorker;
        values["supervised"] = settings.Supervised;
        values["workers_stated"] = draft.Stated.ContainsKey("workers");
        return values;
    }

    private static bool SaysWhere(SettingsDraft draft) =>
        draft.Stated.Values.Any(stated => stated.Row.Name is "host" or "port" or "listen" or "unix_socket" or "sockets");

    private static void ReadNamed(SettingsDraft draft, IReadOnlyDictionary<string, object?> source, SettingOrigin origin)
    {
        foreach (var (key, given) in source)
        {
            // TOML's own habit is the hyphen; both spellings are the same key.
            var name = origin.Strength == SettingOrigin.File(null).Strength ? key.Replace('-', '_') : key;
            var row = SettingsTable.Find(name);
            if (row is null)
                draft.Errors.Add($"unknown setting {RawValue.Quote(key)} ({origin.Label}){NearestName.Suggest(name, SettingsTable.Rows.Select(known => known.Name))}");
            else if (row.ServeOnly && origin != SettingOrigin.Keyword)
                draft.Errors.Add($"{row.Name} ({origin.Label}): only serve() and create_server() can take it");
            else if (name != key && source.ContainsKey(name))
                draft.Errors.Add($"{row.Name} ({origin.Label}): given twice, as {key} and as {name}");
            else
                draft.State(row, given, origin);
        }
    }

    private static void ReadEnvironment(SettingsDraft draft, IReadOnlyDictionary<string, string> environment)
    {
        foreach (var row in SettingsTable.Rows.Where(row => !row.ServeOnly))
        {
            if (environment.TryGetValue(row.EnvironmentName, out var own) && !IsServiceLink(row, own))
                draft.State(row, own, SettingOrigin.Environment(row.EnvironmentName, platform: false));
            // Platforms and compose files leave such names empty rather than out.
            if (row.PlatformName is { } name && environment.TryGetValue(name, out var common) && common.Length > 0)
                draft.State(row, common, SettingOrigin.Environment(name, platform: true));
        }
        var known = SettingsTable.Rows.Where(row => !row.ServeOnly).Select(row => row.EnvironmentName).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith(OwnPrefix, StringComparison.Ordinal)) continue;
            if (!known.Contains(name))
                draft.Warnings.Add($"{RawValue.Quote(name)} in the environment names no setting{NearestName.Suggest(name, known, OwnPrefix)}");
            else if (name == "WAITRESS_PORT" && value.StartsWith(ServiceLink, StringComparison.Ordinal))
                draft.Warnings.Add($"{name} in the environment is a Kubernetes service link ({RawValue.Quote(value)}), so it is not used");
        }
    }

    private static bool IsServiceLink(SettingRow row, string value)
        => row.Name == "port" && value.StartsWith(ServiceLink, StringComparison.Ordinal);
}
