using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Waitress.Tls;

/// <summary>
/// Names of certificates in the form of RFC 4514 (before it RFC 2253), as mod_ssl has them in SSL_CLIENT_S_DN: the most specific part first, commas
/// without blanks, special characters behind a backslash.
/// </summary>
internal static class DistinguishedName
{
    // RFC 4514 section 3, and what OpenSSL names besides; any other type is written in digits, and its value as the bytes that it is.
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

    /// <summary>As text for environ: bytes of UTF-8 become characters one to one, as PEP 3333 has it.</summary>
    public static string Write(X500DistinguishedName name) => Latin1(Text(name));

    /// <summary>As text.</summary>
    public static string Text(X500DistinguishedName name)
    {
        try
        {
            var parts = new List<string>();
            var sequence = new AsnReader(name.RawData, AsnEncodingRules.BER).ReadSequence();
            while (sequence.HasData)
                parts.Add(Part(sequence.ReadSetOf(skipSortOrderValidation: true)));
            parts.Reverse();
            return string.Join(',', parts);
        }
        catch (AsnContentException)
        {
            return name.Name; // Not what it should be, and accepted all the same: .NET's own form will do.
        }
    }

    private static string Part(AsnReader set)
    {
        var text = new StringBuilder();
        while (set.HasData)
        {
            if (text.Length > 0)
                text.Append('+');
            var pair = set.ReadSequence();
            var type = pair.ReadObjectIdentifier();
            var value = pair.PeekEncodedValue();
            if (Types.TryGetValue(type, out var known) && TryRead(pair, out var read))
                Escape(read, text.Append(known).Append('='));
            else
                text.Append(type).Append("=#").Append(Convert.ToHexString(value.Span));
        }

        return text.ToString();
    }

    private static bool TryRead(AsnReader pair, out string text)
    {
        text = "";
        var tag = pair.PeekTag();
        if (tag.TagClass != TagClass.Universal || (UniversalTagNumber)tag.TagValue is not (UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString
            or UniversalTagNumber.IA5String or UniversalTagNumber.T61String or UniversalTagNumber.BMPString or UniversalTagNumber.VisibleString or UniversalTagNumber.NumericString))
            return false;
        text = pair.ReadCharacterString((UniversalTagNumber)tag.TagValue);
        return true;
    }

    // RFC 4514 section 2.4.
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
