namespace Waitress.Configuration;

/// <summary>What the options of logs have to do with each other.</summary>
internal static partial class SettingsRules
{
    private static void JudgeLogs(SettingsDraft draft)
    {
        if (draft.Stated.ContainsKey("access_logformat") && draft.Value<string>("access_logfile") is null && !draft.Refused.Contains("access_logfile"))
            draft.Warnings.Add($"{Told(draft, "access_logformat")}: without effect, since no access_logfile is stated");
    }
}
