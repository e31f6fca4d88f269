namespace Waitress.Configuration;

/// <summary>Settings while they are read: what won so far, what is wrong, what was set aside. Owned by one call of the reader.</summary>
internal sealed class SettingsDraft
{
    public Dictionary<string, StatedSetting> Stated { get; } = new(StringComparer.Ordinal);
    public List<string> Errors { get; } = [];
    public List<string> Warnings { get; } = [];

    /// <summary>Names whose value could not be cast in some source; rules leave them alone, since they are told already.</summary>
    public HashSet<string> Refused { get; } = new(StringComparer.Ordinal);

    /// <summary>Options that were stated but do not count, and why; for the report.</summary>
    public Dictionary<string, string> SetAside { get; } = new(StringComparer.Ordinal);

    /// <summary>Casts a raw value and keeps it if it is the strongest; of equals the first stays.</summary>
    public void State(SettingRow row, object? given, SettingOrigin origin)
    {
        if (row.Kind.Convert(given, out var value) is { } refused)
        {
            Refused.Add(row.Name);
            Errors.Add($"{row.Name} ({origin.Label}): {refused} is not allowed; allowed is {row.Kind.Allowed}");
        }
        else if (!Stated.TryGetValue(row.Name, out var other) || other.Origin.Strength < origin.Strength)
        {
            Stated[row.Name] = new StatedSetting(row, value, origin);
        }
    }

    /// <summary>The value that was stated for a name, or null when none was.</summary>
    public T? Value<T>(string name) => Stated.TryGetValue(name, out var stated) ? (T?)stated.Value : default;

    public void Drop(string name, string reason)
    {
        if (Stated.Remove(name, out var stated))
            SetAside[name] = $"{stated.Row.Shown(stated.Value)} from {stated.Origin.Label} set aside: {reason}";
    }
}
