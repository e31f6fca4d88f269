using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Waitress.CPython;
using Waitress.Response;
using static Waitress.CPython.PythonError;

namespace Waitress.Wsgi;

/// <summary>What an app did wrong in its call of start_response, as the exception it will see.</summary>
internal sealed record HeadMistake(Fault Fault, string Message);

/// <summary>
/// Status and headers from Python to the response, checked as Waitress checks them, so that no header or status of an app can
/// break out of its line (response splitting) or take over the connection (hop-by-hop headers).
/// </summary>
internal static class ResponseHead
{
    private static readonly FrozenSet<string> HopByHop = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");

    private static readonly SearchValues<char> Forbidden = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(code => code != '\t').Select(code => (char)code), '\x7f']);

    /// <summary>Null when all is well; the response may be half filled otherwise.</summary>
    public static HeadMistake? Apply(PyRef status, PyRef headers, ResponseWriter response) =>
        ApplyStatus(status, response) ?? ApplyHeaders(headers, response);

    private static HeadMistake? ApplyStatus(PyRef status, ResponseWriter response)
    {
        if (!PyObjects.IsText(status))
            return new(Fault.Assertion, $"status {PyObjects.Represent(status)} is not a string");
        if (!TryLatin1(status, out var text))
            return new(Fault.Value, "status holds characters beyond Latin-1");
        if (text.AsSpan().ContainsAny(Forbidden))
            return new(Fault.Value, "carriage return/line feed character present in status");

        // Three digits, then nothing or a space and the reason (RFC 9112 section 4). 1xx is not a final answer.
        if (text.Length < 3 || !int.TryParse(text.AsSpan(0, 3), System.Globalization.NumberStyles.None, null, out var code)
            || code < 200 || (text.Length > 3 && text[3] != ' '))
            return new(Fault.Value, $"status {PyObjects.Represent(status)} is not three digits from 200 on, a space and a reason phrase");
        response.Start(code, text.Length > 4 ? Reason(code, text) : "");
        return null;
    }

    private static string Reason(int code, string text)
    {
        var usual = ReasonPhrases.GetReasonPhrase(code);
        return text.AsSpan(4).SequenceEqual(usual) ? usual : text[4..];
    }

    private static HeadMistake? ApplyHeaders(PyRef headers, ResponseWriter response)
    {
        var isList = PyObjects.IsList(headers);
        if (!isList && !PyObjects.IsTuple(headers))
            return new(Fault.Assertion, $"headers {PyObjects.Represent(headers)} is not a list");
        var count = isList ? PySequences.ListLength(headers) : PySequences.TupleLength(headers);
        for (var i = 0; i < count; i++)
        {
            using var pair = PySequences.Item(headers, i);
            if (pair.IsNull)
                break; // The list became shorter on another thread.
            if (ApplyHeader(pair, response) is { } mistake)
                return mistake;
        }

        PythonError.Clear();
        return null;
    }

    private static HeadMistake? ApplyHeader(PyRef pair, ResponseWriter response)
    {
        var isPair = (PyObjects.IsTuple(pair) && PySequences.TupleLength(pair) == 2) || (PyObjects.IsList(pair) && PySequences.ListLength(pair) == 2);
        using var name = isPair ? PySequences.Item(pair, 0) : default;
        using var value = name.IsNull ? default : PySequences.Item(pair, 1);
        if (value.IsNull)
            return new(Fault.Assertion, $"header {PyObjects.Represent(pair)} is not a pair of name and value");
        if (!PyObjects.IsText(name))
            return new(Fault.Assertion, $"Header name {PyObjects.Represent(name)} is not a string in {PyObjects.Represent(pair)}");
        if (!PyObjects.IsText(value))
            return new(Fault.Assertion, $"Header value {PyObjects.Represent(value)} is not a string in {PyObjects.Represent(pair)}");
        if (!TryLatin1(name, out var key) || !TryLatin1(value, out var text))
            return new(Fault.Value, $"header {PyObjects.Represent(pair)} holds characters beyond Latin-1");
        if (Check(key, text) is { } mistake)
            return mistake;
        return IsHopByHop(key)
            ? new(Fault.Assertion, $"{key} is a \"hop-by-hop\" header; it cannot be used by a WSGI application (see PEP 3333)")
            : Add(key, text, response);
    }

    /// <summary>What is wrong with a field by itself, or null.</summary>
    public static HeadMistake? Check(string key, string text)
    {
        if (key.Length == 0 || key.AsSpan().ContainsAnyExcept(Token))
            return new(Fault.Value, $"header name '{key}' holds a character that is not allowed (carriage return/line feed included)");
        return text.AsSpan().ContainsAny(Forbidden)
            ? new(Fault.Value, $"carriage return/line feed or another control character present in the value of header {key}")
            : null;
    }

    /// <summary>Whether the field is the connection's business (RFC 9110 section 7.6.1).</summary>
    public static bool IsHopByHop(string key) => HopByHop.Contains(key);

    /// <summary>Adds a checked field.</summary>
    public static HeadMistake? Add(string key, string text, ResponseWriter response)
    {
        if (key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            return ApplyLength(text, response);
        // Not Append, which drops empty values.
        response.Headers[key] = response.Headers.TryGetValue(key, out var before) ? StringValues.Concat(before, text) : text;
        return null;
    }

    private static HeadMistake? ApplyLength(string text, ResponseWriter response)
    {
        if (!long.TryParse(text.AsSpan().Trim(" \t"), System.Globalization.NumberStyles.None, null, out var length))
            return new(Fault.Value, $"Content-Length '{text}' is not a number");
        if (response.Declared is { } before && before != length)
            return new(Fault.Value, $"Content-Length is given twice: {before} and {length}");
        response.Declare(length);
        return null;
    }

    private static bool TryLatin1(PyRef text, out string value)
    {
        var utf8 = PyTexts.Utf8(text, out var ok);
        value = "";
        if (!ok)
            return false;
        value = KnownText.Find(utf8) ?? Encoding.UTF8.GetString(utf8);
        return !value.AsSpan().ContainsAnyExceptInRange('\0', '\xff');
    }
}
