using System.Text;
using Waitress.CPython;
using Waitress.Response;
using Waitress.Wsgi;
using static Waitress.CPython.PythonError;

namespace Waitress.Asgi;

/// <summary>
/// Status and headers of http.response.start, checked like a WSGI app's. What concerns the connection is the server's: of `Connection` only `close`
/// counts, and the other hop-by-hop fields are left out, since frameworks that run on several servers send them.
/// </summary>
internal static class AsgiHead
{
    /// <summary>Null when all is well; the response may be half filled otherwise.</summary>
    public static HeadMistake? Apply(PyRef message, MessageKeys keys, ResponseWriter response)
    {
        using var status = PyDicts.Get(message, keys.Status.Ref);
        var code = status.IsNull ? -1 : PyNumbers.ToInt64(status);
        PythonError.Clear();
        if (code is < 200 or > 999)
            return new(Fault.Value, $"http.response.start needs a status from 200 to 999, not {(status.IsNull ? "none" : PyObjects.Represent(status))}");
        response.Start((int)code, null);
        return ApplyHeaders(message, keys, response);
    }

    /// <summary>The headers alone.</summary>
    public static HeadMistake? ApplyHeaders(PyRef message, MessageKeys keys, ResponseWriter response) =>
        EachHeader(message, keys, (name, value) => Add(name, value, response));

    /// <summary>The fields of http.response.trailers.</summary>
    public static HeadMistake? ApplyTrailers(PyRef message, MessageKeys keys, ResponseWriter response) =>
        EachHeader(message, keys, (name, value) => ResponseHead.Check(name, value) ?? AddTrailer(name, value, response));

    /// <summary>The links of http.response.early_hint.</summary>
    public static HeadMistake? ReadLinks(PyRef message, MessageKeys keys, List<string> links)
    {
        const string Wanted = "http.response.early_hint needs links, which is an iterable of bytes";
        using var all = PyDicts.Get(message, keys.Links.Ref);
        using var iterator = all.IsNull || PyObjects.IsText(all) || PyObjects.IsBytes(all) ? default : PyObjects.Iterate(all);
        while (!iterator.IsNull)
        {
            using var link = PyObjects.Next(iterator);
            if (link.IsNull)
                break;
            if (!TryRead(link, out var value))
            {
                PythonError.Clear();
                return new(Fault.Type, $"link {PyObjects.Represent(link)} is not bytes");
            }

            if (ResponseHead.Check("Link", value) is { } mistake)
                return mistake;
            links.Add(value);
        }

        if (!iterator.IsNull && !PythonError.IsSet)
            return null;
        PythonError.Clear();
        return new(Fault.Type, Wanted);
    }

    private static HeadMistake? AddTrailer(string name, string value, ResponseWriter response)
    {
        response.AddTrailer(name, value);
        return null;
    }

    private static HeadMistake? Add(string name, string value, ResponseWriter response)
    {
        if (ResponseHead.Check(name, value) is { } mistake)
            return mistake;
        if (ResponseHead.IsHopByHop(name))
        {
            if (name.Equals("Connection", StringComparison.OrdinalIgnoreCase) && value.Equals("close", StringComparison.OrdinalIgnoreCase))
                response.CloseAfterwards();
            return null;
        }

        return ResponseHead.Add(name, value, response);
    }

    private static HeadMistake? EachHeader(PyRef message, MessageKeys keys, Func<string, string, HeadMistake?> take)
    {
        using var headers = PyDicts.Get(message, keys.Headers.Ref);
        if (headers.IsNull || headers.Borrow().IsNone)
            return null;
        using var iterator = PyObjects.Iterate(headers);
        while (!iterator.IsNull)
        {
            using var pair = PyObjects.Next(iterator);
            if (pair.IsNull)
                break;
            using var name = IsTooLong(pair) ? default : PySequences.Item(pair, 0);
            using var value = name.IsNull ? default : PySequences.Item(pair, 1);
            if (value.IsNull || !TryRead(name, out var key) || !TryRead(value, out var text))
            {
                PythonError.Clear();
                return new(Fault.Type, $"header {PyObjects.Represent(pair)} is not a pair of bytes");
            }

            if (take(key, text) is { } mistake)
                return mistake;
        }

        if (!PythonError.IsSet)
            return null;
        PythonError.Clear();
        return new(Fault.Type, "headers is not an iterable of pairs of bytes");
    }

    private static bool IsTooLong(PyRef pair) =>
        (PyObjects.IsTuple(pair) && PySequences.TupleLength(pair) > 2) || (PyObjects.IsList(pair) && PySequences.ListLength(pair) > 2);

    private static bool TryRead(PyRef value, out string text)
    {
        text = "";
        if (PyObjects.IsBytes(value))
        {
            text = Text(PyBytes.Span(value));
            return true;
        }

        using var buffer = new PyBuffer();
        if (PyObjects.IsText(value) || !buffer.TryTake(value))
            return false;
        text = Text(buffer.Bytes);
        return true;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => KnownText.Find(bytes) ?? Encoding.Latin1.GetString(bytes);
}
