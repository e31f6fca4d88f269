using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Waitress.FunctionalTests.Harness;

/// <summary>The same bytes as web.pattern of the test apps, and the names under which tests find their own events.</summary>
internal static class Pattern
{
    private static int _names;

    public static byte[] Bytes(int size, int start = 0)
    {
        var bytes = new byte[size];
        for (var index = 0; index < size; index++)
        {
            bytes[index] = (byte)((index + start) % 251 * 7 % 251);
        }

        return bytes;
    }

    public static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static string Digest(string text) => Digest(Encoding.Latin1.GetBytes(text));

    /// <summary>A name no other test uses.</summary>
    public static string Name() => "n" + Interlocked.Increment(ref _names).ToString(CultureInfo.InvariantCulture);
}
