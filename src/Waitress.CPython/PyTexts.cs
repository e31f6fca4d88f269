using System.Buffers;
using System.Text;

namespace Waitress.CPython;

/// <summary>Python's str: made from Latin-1 text (the native strings of PEP 3333) or UTF-8, read as UTF-8.</summary>
internal static unsafe class PyTexts
{
    private const int OnStack = 512;

    /// <summary>A str of the same characters; all of them must be U+00FF or less, as Kestrel's Latin-1 headers are.</summary>
    public static PyNew FromLatin1(ReadOnlySpan<char> text)
    {
        if (text.Length <= OnStack)
        {
            var narrow = stackalloc byte[OnStack];
            Encoding.Latin1.GetBytes(text, new Span<byte>(narrow, OnStack));
            return Api.PyUnicode_DecodeLatin1(narrow, text.Length, null);
        }

        var rented = ArrayPool<byte>.Shared.Rent(text.Length);
        Encoding.Latin1.GetBytes(text, rented);
        fixed (byte* narrow = rented)
        {
            var made = Api.PyUnicode_DecodeLatin1(narrow, text.Length, null);
            ArrayPool<byte>.Shared.Return(rented);
            return made;
        }
    }

    /// <summary>A str of UTF-8 bytes; what is not UTF-8 becomes the replacement character.</summary>
    public static PyNew FromUtf8(ReadOnlySpan<byte> text)
    {
        fixed (byte* start = text, errors = "replace"u8)
            return Api.PyUnicode_DecodeUTF8(start, text.Length, errors);
    }

    public static PyNew FromText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* start = bytes)
            return Api.PyUnicode_FromStringAndSize(start, bytes.Length);
    }

    /// <summary>An interned str, for keys that many dicts share.</summary>
    public static PyNew Intern(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text + '\0');
        fixed (byte* start = bytes)
            return Api.PyUnicode_InternFromString(start);
    }

    /// <summary>
    /// The bytes of the str in UTF-8, kept by the str itself: valid as long as the caller keeps the str. Empty with
    /// <paramref name="ok"/> false when it holds lone surrogates; the error is dropped.
    /// </summary>
    public static ReadOnlySpan<byte> Utf8(PyRef text, out bool ok)
    {
        nint size;
        var start = Api.PyUnicode_AsUTF8AndSize(text, &size);
        ok = start != null;
        if (ok)
            return new ReadOnlySpan<byte>(start, (int)size);
        Api.PyErr_Clear();
        return default;
    }

    /// <summary>Any str as .NET text; what UTF-8 can't hold becomes the replacement character.</summary>
    public static string ToText(PyRef text)
    {
        var direct = Utf8(text, out var ok);
        if (ok)
            return Encoding.UTF8.GetString(direct);
        fixed (byte* encoding = "utf-8"u8, errors = "replace"u8)
        {
            using var replaced = Api.PyUnicode_AsEncodedString(text, encoding, errors);
            if (replaced.IsNull)
                Api.PyErr_Clear();
            return replaced.IsNull ? "" : Encoding.UTF8.GetString(PyBytes.Span(replaced));
        }
    }
}
