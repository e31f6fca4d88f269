using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Configuration;
using Waitress.CPython.Tests.Harness;
using Waitress.Tests.Http;

namespace Waitress.CPython.Tests.Wsgi;

/// <summary>
/// Any request that gets through Kestrel and the guards reaches the app as PEP 3333 has it: native strings of code points up to
/// U+00FF, the required keys, and nothing but what was sent.
/// </summary>
[Collection(nameof(PythonProcess))]
public sealed class BorderTests(PythonProcess python)
{
    private const string App = """
        import json

        def check(environ):
            if type(environ) is not dict:
                yield "environ is not a dict"
            for key, value in environ.items():
                if type(key) is not str:
                    yield f"key {key!r} is not a str"
                elif "." not in key and type(value) is not str:
                    yield f"{key} is not a str"
                if type(value) is str and any(ord(c) > 0xFF for c in value):
                    yield f"{key} is not a native string"
            for key in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"):
                if key not in environ:
                    yield f"no {key}"
            if "HTTP_CONTENT_TYPE" in environ or "HTTP_CONTENT_LENGTH" in environ:
                yield "HTTP_CONTENT_..."
            if environ["wsgi.version"] != (1, 0) or environ["wsgi.url_scheme"] not in ("http", "https"):
                yield "version or scheme"
            for key in ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"):
                if type(environ[key]) is not bool:
                    yield f"{key} is not a bool"
            for name in ("read", "readline", "readlines", "__iter__"):
                if not hasattr(environ["wsgi.input"], name):
                    yield f"wsgi.input has no {name}"
            for name in ("write", "writelines", "flush"):
                if not hasattr(environ["wsgi.errors"], name):
                    yield f"wsgi.errors has no {name}"

        def border(environ, start_response):
            body = environ["wsgi.input"].read()
            answer = json.dumps({
                "problems": list(check(environ)),
                "environ": {key: value for key, value in environ.items() if isinstance(value, str)},
                "body": body.decode("latin-1"),
            }).encode()
            start_response("200 OK", [("Content-Type", "application/json")])
            return [answer]
        """;

    private const string TokenCharacters = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private sealed record Sent(string Method, string Target, List<(string Name, string Value)> Headers, byte[] Body, int Chunk);

    private static readonly Gen<string> Method = Gen.OneOf(
        Gen.Elements("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "M-SEARCH"),
        Gen.Elements(TokenCharacters.Where(c => !char.IsAsciiLetterLower(c)).ToArray()).NonEmptyListOf().Select(string.Concat)
            .Where(method => method is not "HEAD" and not "CONNECT" && method.Length < 30));

    // Any visible character, and escapes of any byte but zero, which Kestrel refuses; also broken ones.
    private static readonly Gen<string> Target = Gen.OneOf(
        Gen.Choose('!', '~').Select(c => ((char)c).ToString()),
        Gen.Choose(1, 255).Select(b => "%" + b.ToString("X2", CultureInfo.InvariantCulture)),
        Gen.Choose(1, 255).Select(b => "%" + b.ToString("x2", CultureInfo.InvariantCulture)),
        Gen.Elements("/", "//", ".", "..", "/../", "?", "#", "%", "%zz", "%2", "%2F", "%25", "%C3%A9", "+", ";", "&a=b"))
        .ListOf().Select(parts => "/" + string.Concat(parts)).Where(target => !target.Contains("%00", StringComparison.Ordinal));

    private static readonly Gen<string> Name =
        from first in Gen.Elements("X-", "Q", "z.", "A_")
        from rest in Gen.Elements(TokenCharacters.ToArray()).ListOf().Select(string.Concat)
        select first + rest;

    private static readonly Gen<string> Value = Gen.OneOf(Gen.Choose(' ', '~'), Gen.Choose(0x80, 0xFF), Gen.Constant((int)'\t'))
        .Select(c => (char)c).ListOf().Select(text => string.Concat(text).Trim(' ', '\t'));

    private static readonly Gen<Sent> Requests =
        from method in Method
        from target in Target
        from headers in Gen.Zip(Name, Value).ListOf()
        from type in Gen.Elements(null, "text/plain", "a/b; c=\u00e9")
        from length in Gen.OneOf(Gen.Constant(0), Gen.Choose(1, 100), Gen.Choose(900, 3000))
        from body in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(length)
        from chunk in Gen.OneOf(Gen.Constant(0), Gen.Choose(1, 1000))
        select new Sent(
            method,
            target,
            [.. headers.Select(header => (header.Item1, header.Item2)), .. type is null ? [] : new[] { ("Content-Type", type) }],
            body,
            chunk);

    [Fact]
    public void Environ_OfAnyRequest_IsValidAndWhatWasSent()
    {
        python.Do(() => Py.Execute(App));
        var log = TestServer.Run(
            python,
            "border",
            server =>
            {
                using var client = server.Connect();
                Prop.ForAll(Requests.ToArbitrary(), sent => AssertArrives(client, sent)).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
            },
            new Settings { InbufOverflow = 1000 });
        Assert.Empty(log);
    }

    private static void AssertArrives(RawConnection client, Sent sent)
    {
        client.Send(Bytes(sent));
        var answer = client.Read();
        Assert.True(answer.Status == 200, $"{sent.Method} {sent.Target}: {answer.Head}{answer.Text}");
        using var json = JsonDocument.Parse(answer.Body);
        Assert.Empty(json.RootElement.GetProperty("problems").EnumerateArray().Select(problem => problem.GetString()));
        Assert.Equal(Encoding.Latin1.GetString(sent.Body), json.RootElement.GetProperty("body").GetString());
        var environ = json.RootElement.GetProperty("environ").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!);
        var (path, query) = Split(sent.Target);
        Assert.Equal(sent.Method, environ["REQUEST_METHOD"]);
        Assert.Equal(sent.Target, environ["REQUEST_URI"]);
        Assert.Equal(path, environ["PATH_INFO"]);
        Assert.Equal(query, environ["QUERY_STRING"]);
        Assert.Equal("", environ["SCRIPT_NAME"]);
        Assert.Equal("HTTP/1.1", environ["SERVER_PROTOCOL"]);
        Assert.Equal("127.0.0.1", environ["REMOTE_ADDR"]);
        var hasLength = sent.Body.Length > 0 || sent.Chunk > 0;
        Assert.Equal(hasLength ? sent.Body.Length.ToString(CultureInfo.InvariantCulture) : null, environ.GetValueOrDefault("CONTENT_LENGTH"));
        Assert.Equal(Fields(sent), environ.Where(entry => entry.Key.StartsWith("HTTP_", StringComparison.Ordinal) || entry.Key == "CONTENT_TYPE")
            .OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}"));
    }

    // The rules in the words of PEP 3333 and of Waitress, written a second time and differently from the code under test.
    private static (string Path, string Query) Split(string target)
    {
        var parts = Regex.Match(target, @"^([^?#]*)(?:\?([^#]*))?");
        var decoded = Regex.Replace(parts.Groups[1].Value, "%([0-9A-Fa-f]{2})", hex => ((char)Convert.ToByte(hex.Groups[1].Value, 16)).ToString());
        return (Regex.Replace(decoded, "^/{2,}", "/"), parts.Groups[2].Value);
    }

    private static IEnumerable<string> Fields(Sent sent) => sent.Headers.Append((Name: "Host", Value: "a"))
        .Where(header => !header.Name.Contains('_', StringComparison.Ordinal))
        .GroupBy(header => header.Name.ToUpperInvariant().Replace('-', '_'), header => header.Value)
        .Select(group => (Key: group.Key == "CONTENT_TYPE" ? group.Key : "HTTP_" + group.Key, Value: string.Join(", ", group)))
        .OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => $"{field.Key}={field.Value}");

    private static byte[] Bytes(Sent sent)
    {
        var head = new StringBuilder($"{sent.Method} {sent.Target} HTTP/1.1\r\nHost: a\r\n");
        foreach (var (name, value) in sent.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        if (sent.Chunk > 0)
            head.Append("Transfer-Encoding: chunked\r\n\r\n");
        else if (sent.Body.Length > 0)
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {sent.Body.Length}\r\n\r\n");
        else
            head.Append("\r\n");
        var bytes = new List<byte>(Encoding.Latin1.GetBytes(head.ToString()));
        if (sent.Chunk == 0)
            return [.. bytes, .. sent.Body];
        foreach (var piece in sent.Body.Chunk(sent.Chunk))
            bytes.AddRange([.. Encoding.ASCII.GetBytes($"{piece.Length:x}\r\n"), .. piece, 13, 10]);
        return [.. bytes, .. "0\r\n\r\n"u8];
    }
}
