using System.Text;

namespace Waitress.Configuration;

/// <summary>The text of --check-config: every setting in the table's order, its value, where it came from; aligned.</summary>
internal static class SettingsReport
{
    // One long list of addresses must not push the last column off the screen for all rows.
    private const int WidestValue = 40;

    public static string Write(SettingsDraft draft)
    {
        var lines = SettingsTable.Rows.Select(row => Line(row, draft)).ToArray();
        var name = lines.Max(line => line.Name.Length);
        var value = lines.Max(line => line.Value.Length <= WidestValue ? line.Value.Length : 0);
        var text = new StringBuilder();
        foreach (var line in lines) text.Append($"{line.Name.PadRight(name)}  {line.Value.PadRight(value)}  {line.From}\n");
        return text.ToString();
    }

    private static (string Name, string Value, string From) Line(SettingRow row, SettingsDraft draft)
    {
        if (draft.Refused.Contains(row.Name)) return (row.Name, "(not allowed)", "see the errors");
        var set = draft.Stated.TryGetValue(row.Name, out var stated);
        var from = stated?.Origin.Label ?? SettingOrigin.Default.Label;
        if (draft.SetAside.TryGetValue(row.Name, out var reason)) from += $" ({reason})";
        if (row.Group == SettingGroup.NoEffect) from += " (no effect here)";
        return (row.Name, set ? row.Shown(stated!.Value) : Unstated(row, draft), from);
    }

    // Workers and threads have no default of their own, each depends on whether the other is stated (Settings.Concurrency).
    private static string Unstated(SettingRow row, SettingsDraft draft) => row.Name switch
    {
        "workers" => draft.Stated.ContainsKey("threads") ? "1" : "4",
        "threads" => "1",
        _ => row.Shown(row.Default),
    };
}
