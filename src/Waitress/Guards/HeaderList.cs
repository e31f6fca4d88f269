using Microsoft.Extensions.Primitives;

namespace Waitress.Guards;

/// <summary>
/// The header fields of one request as the app will see them. Filled by <see cref="RequestGuard"/> while it checks them,
/// edited by <see cref="ProxyHeaders"/>, then read for environ. One enumeration of Kestrel's dictionary (which costs an enumerator
/// on the heap each) serves all three. Reused from request to request; belongs to one request at a time.
/// </summary>
internal sealed class HeaderList
{
    private const int Initial = 16;

    // Above this, a request with very many headers would make its connection hold the array for life.
    private const int Kept = 128;

    private KeyValuePair<string, StringValues>[] _fields = new KeyValuePair<string, StringValues>[Initial];
    private int _count;

    /// <summary>Name and value lines in the order of Kestrel; a name occurs once.</summary>
    public ReadOnlySpan<KeyValuePair<string, StringValues>> Fields => _fields.AsSpan(0, _count);

    /// <summary>Which of the proxy headers are among them.</summary>
    public ProxyHeader Proxy { get; private set; }

    /// <summary>
    /// One text for a field's lines, joined by `, ` as Waitress joins them (RFC 9110 section 5.3). Allocates only for repeated
    /// fields.
    /// </summary>
    public static string Join(in StringValues lines) =>
        lines.Count == 1 ? lines[0] ?? "" : string.Join(", ", (IEnumerable<string?>)lines);

    public void Add(string name, StringValues lines)
    {
        if (_count == _fields.Length) Array.Resize(ref _fields, _count * 2);
        _fields[_count++] = new(name, lines);
        Proxy |= ProxyHeaderNames.Read(name);
    }

    /// <summary>The joined value of a proxy header; null when the client sent none.</summary>
    public string? Value(ProxyHeader one)
    {
        if ((Proxy & one) == 0) return null;
        foreach (var field in Fields)
            if (ProxyHeaderNames.Read(field.Key) == one)
                return Join(field.Value);
        return null;
    }

    /// <summary>Gives the field this value instead of what was sent; adds it when there is none.</summary>
    public void Set(string name, string value)
    {
        for (var i = 0; i < _count; i++)
        {
            if (!_fields[i].Key.Equals(name, StringComparison.OrdinalIgnoreCase)) continue;
            _fields[i] = new(_fields[i].Key, value);
            return;
        }
        Add(name, value);
    }

    /// <summary>Takes out the proxy headers of the set, in one pass.</summary>
    public void Remove(ProxyHeader set)
    {
        var kept = 0;
        for (var i = 0; i < _count; i++)
            if ((ProxyHeaderNames.Read(_fields[i].Key) & set) == 0)
                _fields[kept++] = _fields[i];
        Array.Clear(_fields, kept, _count - kept);
        _count = kept;
        Proxy &= ~set;
    }

    /// <summary>Takes out a field that is no proxy header.</summary>
    public void Remove(string name)
    {
        for (var i = 0; i < _count; i++)
        {
            if (!_fields[i].Key.Equals(name, StringComparison.OrdinalIgnoreCase)) continue;
            Fields[(i + 1)..].CopyTo(_fields.AsSpan(i));
            _fields[--_count] = default;
            return;
        }
    }

    /// <summary>Forgets the request, its strings included: an idle connection must not keep them alive.</summary>
    public void Clear()
    {
        if (_fields.Length > Kept) _fields = new KeyValuePair<string, StringValues>[Initial];
        else Array.Clear(_fields, 0, _count);
        _count = 0;
        Proxy = ProxyHeader.None;
    }
}
