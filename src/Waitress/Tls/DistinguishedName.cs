using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Waitress.Tls;

/// <summary>
/// Names of certificates in the form of RFC 2253, as mod_ssl has them in SSL_CLIENT_S_DN: the most specific part first, commas without
/// blanks, special characters behind a backslash. Bytes of UTF-8 become characters one to one, as PEP 3333 has it for all texts of environ.
/// </summary>
internal static class DistinguishedName
{
    // RFC 2253 section 2.3, and what OpenSSL names besides; any other type is written in digits.
    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        ["2.5.4.3"] = "CN",
        ["2.5.4.4"] = "SN",
        ["2.5.4.5"] = "serialNumber",
        ["2.5.4.6"] = "C",
        ["2.5.4.7"] = "L",
        ["2.5.4.8"] = "ST",
        ["2.5.4.9"] = "street",
        ["2.5.4.10"] = "O",
        ["2.5.4.11"] = "OU",
        ["2.5.4.12"] = "title",
        ["2.5.4.42"] = "GN",
        ["1.2.840.113549.1.9.1"] = "emailAddress",
        ["0.9.2342.19200300.100.1.1"] = "UID",
        ["0.9.2342.19200300.100.1.25"] = "DC",
    };

    public static string Write(X500DistinguishedName name)
    {
        var text = new StringBuilder();
        try
        {
            foreach (var part in name.EnumerateRelativeDistinguishedNames(reversed: true))
            {
                if (part.HasMultipleElements)
                    return Latin1(name.Decode(X500DistinguishedNameFlags.Reversed)); // Several values in one part: rare, and .NET's own form will do.
                if (text.Length > 0)
                    text.Append(',');
                var type = part.GetSingleElementType().Value ?? "";
                text.Append(Types.GetValueOrDefault(type, type)).Append('=');
                Escape(part.GetSingleElementValue() ?? "", text);
            }
        }
        catch (CryptographicException)
        {
            return Latin1(name.Name); // A value that is no text.
        }

        return Latin1(text.ToString());
    }

    // RFC 2253 section 2.4.
    private static void Escape(string value, StringBuilder text)
    {
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c < ' ' || c == '\x7f')
            {
                text.Append('\\').Append(((int)c).ToString("X2", null));
                continue;
            }

            if (c is ',' or '+' or '"' or '\\' or '<' or '>' or ';' || (c == ' ' && (i == 0 || i == value.Length - 1)) || (c == '#' && i == 0))
                text.Append('\\');
            text.Append(c);
        }
    }

    private static string Latin1(string text) => text.All(char.IsAscii) ? text : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
