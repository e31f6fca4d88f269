using Waitress.Guards;

namespace Waitress.Configuration;

/// <summary>The kinds that only the options of clients use.</summary>
internal sealed partial record SettingKind
{
    /// <summary>
    /// Addresses and ranges in their shortest form, and files (<c>@</c>) by their full path, since <c>--chdir</c> changes the folder before
    /// they are read. A text that begins with <c>@</c> is one path, which may hold spaces; it is divided only where another <c>@</c> follows.
    /// </summary>
    public static readonly SettingKind ClientAddresses = new(
        "ADDRESSES", "IP addresses, ranges such as 10.0.0.0/8 (no bits beyond the prefix) and @FILE, separated by spaces or commas", (object? given, out object? value) =>
        {
            value = null;
            var parts = given switch
            {
                null => [],
                string text => [text],
                IReadOnlyList<object?> list => list,
                _ => null,
            };
            if (parts is null) return RawValue.Quote(given);
            var items = new List<string>();
            var known = new HashSet<string>(StringComparer.Ordinal);
            foreach (var part in parts)
            {
                if (part is not string text) return RawValue.Quote(part);
                foreach (var item in Items(text))
                {
                    if (ClientItem(item) is not { } form) return RawValue.Quote(item);
                    if (known.Add(form)) items.Add(form);
                }
            }
            value = new ValueList<string>([.. items]);
            return null;
        });

    /// <summary>A rate of requests, or none.</summary>
    public static readonly SettingKind RateOrNone = new(
        "RATE", $"N/s, N/m or N/h, with :BURST if need be, as 20/s, 100/m or 10/s:50; numbers from 1 to {RequestRate.Most}", (object? given, out object? value) =>
        {
            value = given is string text && RequestRate.TryParse(text.Trim(), out var rate) ? rate.ToString() : null;
            return value is null && given is not null and not "" ? RawValue.Quote(given) : null;
        });

    /// <summary>As <see cref="Seconds"/>; None means "not stated".</summary>
    public static SettingKind SecondsOrNone(double min, double max)
    {
        var seconds = Seconds(min, max);
        return seconds with
        {
            Convert = (object? given, out object? value) =>
            {
                value = null;
                return given is null ? null : seconds.Convert(given, out value);
            },
        };
    }

    private static string? ClientItem(string item)
    {
        if (item[0] != AddressList.FileSign)
            return AddressRange.TryParse(item, out var range) ? range.ToString() : null;
        return item.Length > 1 && !item.Contains('\0') ? AddressList.FileSign + Path.GetFullPath(item[1..]) : null;
    }

    private static List<string> Items(string text)
    {
        var items = new List<string>();
        var start = 0;
        for (var at = 0; at <= text.Length; at++)
        {
            if (at < text.Length && Array.IndexOf(CommaOrSpace, text[at]) < 0) continue;
            var item = text[start..at];
            // A path goes on unless another one, or nothing, follows.
            if (item.StartsWith(AddressList.FileSign) && text[at..].TrimStart(CommaOrSpace) is [not AddressList.FileSign, ..]) continue;
            if (item.Length > 0) items.Add(item);
            start = at + 1;
        }
        return items;
    }
}
