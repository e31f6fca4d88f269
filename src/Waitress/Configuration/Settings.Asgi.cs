namespace Waitress.Configuration;

/// <summary>Which kind of app is served.</summary>
internal sealed partial record Settings
{
    /// <summary>The names of the interfaces; auto is decided when the app is there.</summary>
    public const string Auto = "auto", Wsgi = "wsgi", Asgi = "asgi";

    public string Interface { get; init; } = Auto;
}
