using System.Buffers;
using System.Globalization;
using System.Text;

namespace Waitress.FunctionalTests.Harness;

/// <summary>Reads HTTP/1.1 responses with no tolerance: what a lenient client forgives, a smuggling attack uses.</summary>
internal sealed class ResponseReader(Func<Memory<byte>, ValueTask<int>> receive)
{
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly byte[] _buffer = new byte[65536];
    private int _start;
    private int _end;

    public int Buffered => _end - _start;

    public async Task<RawResponse> ReadAsync(string method)
    {
        var line = await ReadLineAsync("status line");
        if (line.Length < 13 || line[..9] != "HTTP/1.1 " || line[12] != ' '
            || !int.TryParse(line.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status))
        {
            throw new MalformedResponseException($"Status line: {line}");
        }

        List<KeyValuePair<string, string>> headers = [];
        while (await ReadLineAsync("headers") is { Length: > 0 } header)
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || header.AsSpan(0, colon).ContainsAnyExcept(Token))
            {
                throw new MalformedResponseException($"Header line: {header}");
            }

            headers.Add(new(header[..colon], header[(colon + 1)..].Trim(' ', '\t')));
        }

        var head = new RawResponse("HTTP/1.1", status, line[13..], headers, [], Framing.None);
        return await WithBodyAsync(head, method);
    }

    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        var body = new byte[count];
        var filled = 0;
        while (filled < count)
        {
            if (!await FillAsync())
            {
                throw new TruncatedResponseException("body", filled);
            }

            var part = Math.Min(_end - _start, count - filled);
            Array.Copy(_buffer, _start, body, filled, part);
            _start += part;
            filled += part;
        }

        return body;
    }

    public async Task<byte[]> ReadToEndAsync()
    {
        using var all = new MemoryStream();
        while (await FillAsync())
        {
            await all.WriteAsync(_buffer.AsMemory(_start, _end - _start));
            _start = _end;
        }

        return all.ToArray();
    }

    private async Task<RawResponse> WithBodyAsync(RawResponse head, string method)
    {
        var length = head.Header("Content-Length");
        var coding = head.Header("Transfer-Encoding");
        if (length is not null && coding is not null)
        {
            throw new MalformedResponseException("Both Content-Length and Transfer-Encoding");
        }

        if (head.Status is < 200 or 204 or 304 || method == "HEAD")
        {
            return head;
        }

        if (coding is not null)
        {
            return coding == "chunked" ? await ChunkedAsync(head) : throw new MalformedResponseException($"Transfer-Encoding: {coding}");
        }

        return length is null
            ? head with { Framing = Framing.Close, Body = await ReadToEndAsync() }
            : int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                ? head with { Framing = Framing.Length, Body = await ReadExactlyAsync(count) }
                : throw new MalformedResponseException($"Content-Length: {length}");
    }

    private async Task<RawResponse> ChunkedAsync(RawResponse head)
    {
        using var body = new MemoryStream();
        List<int> sizes = [];
        while (true)
        {
            var line = await ReadLineAsync("chunk size", (int)body.Length);
            if (!int.TryParse(line, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var size))
            {
                throw new MalformedResponseException($"Chunk size: {line}");
            }

            if (size > 0)
            {
                sizes.Add(size);
                await body.WriteAsync(await ReadExactlyAsync(size));
            }

            if (await ReadLineAsync("chunk end", (int)body.Length) is { Length: > 0 } rest)
            {
                throw new MalformedResponseException($"After the chunk's data: {rest}");
            }

            if (size == 0)
            {
                return head with { Framing = Framing.Chunked, Body = body.ToArray(), Chunks = sizes };
            }
        }
    }

    private async Task<string> ReadLineAsync(string where, int received = 0)
    {
        var line = new StringBuilder();
        while (true)
        {
            if (!await FillAsync())
            {
                throw new TruncatedResponseException(where, received);
            }

            var next = (char)_buffer[_start++];
            if (next == '\n')
            {
                return line.Length > 0 && line[^1] == '\r'
                    ? line.ToString(0, line.Length - 1)
                    : throw new MalformedResponseException($"A bare LF in the {where}: {line}");
            }

            if (line.Length > 0 && line[^1] == '\r')
            {
                throw new MalformedResponseException($"A bare CR in the {where}: {line}");
            }

            line.Append(next);
        }
    }

    private async ValueTask<bool> FillAsync()
    {
        if (_start < _end)
        {
            return true;
        }

        _start = 0;
        _end = await receive(_buffer);
        return _end > 0;
    }
}
