using Waitress.Http;

namespace Waitress.Tests.Http;

[Collection(TemporaryFiles.Alone)]
public sealed class TempFileTests
{
    [Fact]
    public void Create_Open_HasNoNameAndNoOtherReader()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var file = TempFile.Create();
        TemporaryFiles.AssertFolderEmpty();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        RandomAccess.Write(file, "abc"u8, 2);
        var read = new byte[8];
        Assert.Equal(5, RandomAccess.Read(file, read, 0));
        Assert.Equal("\0\0abc"u8.ToArray(), read[..5]);
    }

    [Fact]
    public void Create_Twice_AreDifferentFiles()
    {
        using var one = TempFile.Create();
        using var two = TempFile.Create();
        RandomAccess.Write(one, "abc"u8, 0);
        Assert.Equal(0, RandomAccess.GetLength(two));
    }
}
