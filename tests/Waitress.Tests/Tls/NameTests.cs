using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using Waitress.Tls;

namespace Waitress.Tests.Tls;

public class NameTests
{
    [Theory]
    [InlineData("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384")]
    [InlineData("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384")]
    [InlineData("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305")]
    [InlineData("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256")]
    [InlineData("TLS_DHE_RSA_WITH_AES_256_CCM_8", "DHE-RSA-AES256-CCM8")]
    [InlineData("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256")]
    [InlineData("65535", "65535")]
    public void ForOpenSsl_Suites_AreNamedAsThere(string name, string expected) => Assert.Equal(expected, CipherName.ForOpenSsl(name));

    [Theory]
    [InlineData("CN=a.test, O=Test, C=DE", "CN=a.test,O=Test,C=DE")]
    [InlineData("CN=\"a, b\"", @"CN=a\, b")]
    [InlineData("CN=\"a+b=c<d>;\"", @"CN=a\+b=c\<d\>\;")]
    [InlineData("CN=\" a \"", @"CN=\ a\ ")]
    [InlineData("CN=\"#a\"", @"CN=\#a")]
    [InlineData("E=me@a.test, DC=test", "emailAddress=me@a.test,DC=test")]
    public void Write_Names_AreThoseOfRfc2253(string name, string expected) => Assert.Equal(expected, DistinguishedName.Write(new X500DistinguishedName(name)));

    [Fact]
    public void Text_PartsOfSeveralValuesAndUnknownTypes_AreWrittenAsRfc4514HasIt()
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            Part(writer, ("2.5.4.6", "DE"));
            Part(writer, ("2.5.4.3", "a+b"), ("2.5.4.11", "\u00fc"));
            Part(writer, ("1.2.3.4", "x"));
        }

        Assert.Equal("1.2.3.4=#0C0178,OU=\u00fc+CN=a\\+b,C=DE", DistinguishedName.Text(new X500DistinguishedName(writer.Encode())));
        Assert.Equal("", DistinguishedName.Text(new X500DistinguishedName("")));

        static void Part(AsnWriter writer, params (string Type, string Value)[] pairs)
        {
            using var set = writer.PushSetOf();
            foreach (var (type, value) in pairs)
            {
                using var pair = writer.PushSequence();
                writer.WriteObjectIdentifier(type);
                writer.WriteCharacterString(UniversalTagNumber.UTF8String, value);
            }
        }
    }

    [Fact]
    public void Write_LettersBeyondAscii_BecomeBytesOfUtf8()
    {
        var builder = new X500DistinguishedNameBuilder();
        builder.AddCommonName("ü");
        Assert.Equal("CN=Ã¼", DistinguishedName.Write(builder.Build()));
    }
}
