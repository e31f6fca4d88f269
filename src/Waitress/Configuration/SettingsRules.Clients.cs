using System.Net;
using Waitress.Guards;

namespace Waitress.Configuration;

/// <summary>The rules of who may connect. Files of addresses are read here, so that a broken one is told before anything is opened.</summary>
internal static partial class SettingsRules
{
    private static readonly string[] ClientHeaders = [Forwarded, "x-forwarded-for"];

    private static void JudgeClients(SettingsDraft draft)
    {
        var (deny, allow) = (ReadList(draft, "deny"), ReadList(draft, "allow"));
        var proxies = draft.Value<ValueList<string>>("trusted_proxy") ?? ValueList<string>.Empty;
        foreach (var proxy in proxies)
        {
            if (!AddressRange.TryParse(proxy, out _) || !IPAddress.TryParse(proxy, out var address))
                continue; // A range, or a word: whether each of its addresses is meant can't be told.
            if (deny?.Contains(address) == true)
                draft.Warnings.Add($"{Told(draft, "deny")}: the trusted proxy {proxy} is among them, so that its connections will be closed");
            else if (allow?.Contains(address) == false)
                draft.Warnings.Add($"{Told(draft, "allow")}: the trusted proxy {proxy} is not among them, so that its connections will be closed; allow it as well");
        }

        if (proxies.Contains("*") && draft.Value<long?>("limit_per_address") is not null)
            draft.Warnings.Add($"{Told(draft, "limit_per_address")}: no effect, since trusted_proxy is *: every peer is taken for a proxy");
        var headers = draft.Value<ValueList<string>>("trusted_proxy_headers") ?? ValueList<string>.Empty;
        if (proxies.Count > 0 && !headers.Intersect(ClientHeaders).Any())
        {
            foreach (var name in (string[])["rate_limit", "allow", "deny"])
            {
                if (draft.Stated.TryGetValue(name, out var stated) && stated.Value is not null and not ValueList<string> { Count: 0 })
                    draft.Warnings.Add($"{Told(draft, name)}: trusted_proxy_headers names neither {string.Join(" nor ", ClientHeaders)}, so that all clients of a proxy count as one, the proxy");
            }
        }
    }

    private static AddressList? ReadList(SettingsDraft draft, string name)
    {
        if (draft.Value<ValueList<string>>(name) is not { Count: > 0 } items) return null;
        var list = AddressList.Read(items, out var errors);
        draft.Errors.AddRange(errors.Select(error => $"{Told(draft, name)}: {error}"));
        return list;
    }
}
