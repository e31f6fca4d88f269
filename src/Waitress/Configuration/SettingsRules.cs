namespace Waitress.Configuration;

/// <summary>The rules between options, one method per concern; each adds to the draft's errors and warnings.</summary>
internal static partial class SettingsRules
{
    /// <summary>Threads that run the app, in all; each costs the system a stack. More is a slip, not a wish.</summary>
    public const int MostThreads = 10_000;

    private const string Forwarded = "forwarded";
    private const string ForwardedProto = "x-forwarded-proto";

    // The ways to say where to listen; exactly one of them is in force.
    private static readonly string[][] Places = [["host", "port"], ["listen"], ["unix_socket"], ["sockets"]];

    public static IReadOnlyList<string> ProxyHeaders { get; } =
        [Forwarded, "x-forwarded-for", "x-forwarded-host", ForwardedProto, "x-forwarded-port", "x-forwarded-by"];

    public static void Judge(SettingsDraft draft)
    {
        JudgePlaces(draft);
        FoldHostAndPort(draft);
        JudgeFamilies(draft);
        JudgeProxies(draft);
        JudgeThreads(draft);
        JudgeSupervision(draft);
        JudgeTls(draft);
        JudgeLogs(draft);
        JudgeClients(draft);
        Remark(draft);
    }

    // Judged by strength: PORT, which a platform sets for every program, must not clash with --unix-socket.
    private static void JudgePlaces(SettingsDraft draft)
    {
        var claims = Places
            .Select(place => place.Where(name => draft.Stated.TryGetValue(name, out var stated) && !IsNone(stated.Value)).ToArray())
            .Where(place => place.Length > 0)
            .Select(place => (Names: place, Origin: place.Select(name => draft.Stated[name].Origin).MaxBy(origin => origin.Strength)!))
            .OrderByDescending(claim => claim.Origin.Strength)
            .ToArray();
        if (claims.Length == 0) return;
        var winner = claims[0];
        var rivals = claims.Where(claim => claim.Origin.Strength == winner.Origin.Strength).ToArray();
        if (rivals.Length > 1)
        {
            var names = rivals.SelectMany(claim => claim.Names.Select(name => $"{name} ({draft.Stated[name].Origin.Label})"));
            draft.Errors.Add($"{string.Join(", ", names)}: these exclude each other, since each says where to listen; give host and port, or listen, or unix_socket, or sockets");
        }
        foreach (var name in claims.Except(rivals).SelectMany(claim => claim.Names))
            draft.Drop(name, $"{string.Join(" and ", winner.Names)} from {winner.Origin.Label} is stronger");
        // Nor do the defaults of what stands before the winner count; the report would mislead without a word on it.
        foreach (var name in Places.TakeWhile(place => !place.Contains(winner.Names[0])).SelectMany(place => place))
            draft.SetAside.TryAdd(name, $"not used: {winner.Names[0]} says where to listen");
    }

    private static bool IsNone(object? value) => value is null or ValueList<long> { Count: 0 };

    private static void FoldHostAndPort(SettingsDraft draft)
    {
        if (!draft.Stated.ContainsKey("host") && !draft.Stated.ContainsKey("port")) return;
        var host = draft.Value<string>("host") ?? ListenAddress.AnyIPv4;
        var port = draft.Value<long?>("port") ?? (long)SettingsTable.Row("port").Default!;
        draft.Stated["listen"] = new StatedSetting(SettingsTable.Row("listen"), new ValueList<string>([new ListenAddress(host, RawValue.Plain(port)).ToString()]), new SettingOrigin(0, "host and port"));
    }

    // Waitress then filters nothing, which is the same as both being on.
    private static void JudgeFamilies(SettingsDraft draft)
    {
        if (draft.Value<bool?>("ipv4") is not false || draft.Value<bool?>("ipv6") is not false) return;
        draft.Warnings.Add("ipv4 and ipv6 are both off: as in Waitress, both families are used");
        draft.Drop("ipv4", "ipv6 is off too");
        draft.Drop("ipv6", "ipv4 is off too");
    }

    private static void JudgeProxies(SettingsDraft draft)
    {
        var headers = draft.Value<ValueList<string>>("trusted_proxy_headers") ?? ValueList<string>.Empty;
        if (headers.Contains(Forwarded) && headers.Count > 1)
            draft.Errors.Add($"{Told(draft, "trusted_proxy_headers")}: {Forwarded} stands alone, since it says all that the others say; leave the others out, or it");
        if (draft.Refused.Contains("trusted_proxy")) return;
        if (draft.Value<ValueList<string>>("trusted_proxy") is { Count: > 0 })
        {
            if (headers.Count > 0 || draft.Refused.Contains("trusted_proxy_headers")) return;
            draft.Warnings.Add($"trusted_proxy without trusted_proxy_headers: {ForwardedProto} is trusted, as in Waitress; say so, since the default may go");
            draft.Stated["trusted_proxy_headers"] = new StatedSetting(
                SettingsTable.Row("trusted_proxy_headers"), new ValueList<string>([ForwardedProto]), new SettingOrigin(0, "trusted_proxy without headers"));
            return;
        }
        if (headers.Count > 0)
            draft.Errors.Add($"{Told(draft, "trusted_proxy_headers")}: needs trusted_proxy, which says whose headers they are");
        if (draft.Stated.ContainsKey("trusted_proxy_count"))
            draft.Errors.Add($"{Told(draft, "trusted_proxy_count")}: needs trusted_proxy, which says whose headers are counted");
    }

    private static void JudgeThreads(SettingsDraft draft)
    {
        if (draft.Value<long?>("workers") is { } workers && draft.Value<long?>("threads") is { } threads && workers * threads > MostThreads)
            draft.Errors.Add($"{Told(draft, "workers")}, {Told(draft, "threads")}: {workers} workers with {threads} threads each are {workers * threads} threads; allowed are {MostThreads}");
    }

    private static void JudgeSupervision(SettingsDraft draft)
    {
        if (draft.Value<bool?>("daemon") is true)
            draft.Errors.Add($"{Told(draft, "daemon")}: refused; let systemd (Type=notify), or another service of the system, start the server and watch it: docs/deployment.md");
        var process = draft.Value<string>("worker_class") == Settings.Process;
        foreach (var name in (string[])["min_workers", "max_workers"])
        {
            if (draft.Value<long?>(name) is not null && !process)
                draft.Errors.Add($"{Told(draft, name)}: needs worker_class process, whose workers can be added and taken away");
        }
        var most = draft.Value<long?>("max_workers");
        if (draft.Value<long?>("min_workers") > (most ?? long.MaxValue))
            draft.Errors.Add($"{Told(draft, "min_workers")}, {Told(draft, "max_workers")}: the least is more than the most");
        if (draft.Value<long?>("max_threads") is { } threads && threads < (draft.Value<long?>("threads") ?? 1))
            draft.Errors.Add($"{Told(draft, "max_threads")}, {Told(draft, "threads")}: the most is less than the threads at start");
    }

    private static void Remark(SettingsDraft draft)
    {
        if (draft.Stated.ContainsKey("send_bytes"))
            draft.Warnings.Add($"{Told(draft, "send_bytes")}: deprecated, and without effect here");
        if (draft.Value<string>("url_prefix") == "/")
            draft.Warnings.Add($"{Told(draft, "url_prefix")}: \"/\" makes SCRIPT_NAME \"/\" for every request; leave it out to serve at the root");
    }

    private static string Told(SettingsDraft draft, string name) => $"{name} ({draft.Stated[name].Origin.Label})";
}
