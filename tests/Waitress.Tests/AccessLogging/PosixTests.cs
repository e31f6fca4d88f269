using System.Diagnostics;
using System.Globalization;
using System.Text;
using Waitress.AccessLogging;

namespace Waitress.Tests.AccessLogging;

/// <summary>What the system says, compared with its own programs: the layout of .NET's native library is not documented.</summary>
public sealed class PosixTests : IDisposable
{
    private readonly LogFolder _folder = new();

    [Fact]
    public void Status_OfAFile_IsWhatStatSays()
    {
        File.WriteAllText(_folder.Log, "hello");
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%d %i %s %Z", _folder.Log]) { RedirectStandardOutput = true })!;
        var expected = stat.StandardOutput.ReadToEnd().Split(' ').Select(number => long.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        stat.WaitForExit();
        var status = Posix.StatusOf(_folder.Log, out var error)!.Value;
        Assert.Equal(0, error);
        Assert.Equal((expected[0], expected[1], expected[2], expected[3], FileKind.Regular), (status.Device, status.Inode, status.Size, status.Changed / 1_000_000_000, status.Kind));
        using var file = LogFile.Open(_folder.Log);
        Assert.Equal(status, file.Status);
    }

    [Fact]
    public void Status_OfOtherThings_TellsTheirKind()
    {
        Assert.Equal(FileKind.Folder, Posix.StatusOf(Path.GetTempPath(), out _)!.Value.Kind);
        Assert.Equal(FileKind.Other, Posix.StatusOf("/dev/null", out _)!.Value.Kind);
        Assert.Null(Posix.StatusOf(_folder.File("none"), out var error));
        Assert.Equal(Posix.NoSuchFile, error);
    }

    [Fact]
    public void Writes_OfTwoHandles_AppendAndTellWhereTheyEnded()
    {
        File.WriteAllText(_folder.Log, "old\n");
        using var first = LogFile.Open(_folder.Log);
        using var second = LogFile.Open(_folder.Log);
        Assert.Equal(2, first.Write("a\n"u8, out var error, out _));
        Assert.Null(error);
        Assert.Equal(6, first.Position);
        second.Write("bb\n"u8, out _, out _);
        Assert.Equal(9, second.Position);
        first.Write("c\n"u8, out _, out _);
        Assert.Equal((11, 11), (first.Position, first.Length));
        Assert.Equal("old\na\nbb\nc\n", File.ReadAllText(_folder.Log));
        Assert.True(first.Holds("bb\n"u8, 6));
        Assert.False(first.Holds("bc\n"u8, 6));
        Assert.False(first.Holds("c\nd"u8, 9));
        Assert.Equal("old\na"u8.ToArray(), first.Head(5));
    }

    [Fact]
    public void Write_ToAFullDevice_SaysWhy()
    {
        using var file = LogFile.Open("/dev/full");
        Assert.Equal(0, file.Write("a\n"u8, out var error, out var again));
        Assert.Equal("No space left on device", error);
        Assert.False(again);
    }

    [Theory]
    [InlineData("none/access.log", "No such file or directory")]
    [InlineData("", "it is a folder")]
    public void Open_WhatCanNotBe_IsOneLineWithTheName(string name, string why)
    {
        var path = _folder.File(name);
        var error = Assert.Throws<IOException>(() => LogFile.Open(path));
        Assert.Equal($"The access log {path} can't be opened: {why}", error.Message);
    }

    [Fact]
    public void Name_WithLettersBeyondAscii_IsThatFile()
    {
        var path = _folder.File("zugriffe-äöü.log");
        using (var file = LogFile.Open(path))
            file.Write("x"u8, out _, out _);
        Assert.Equal("x", File.ReadAllText(path, Encoding.ASCII));
    }

    public void Dispose() => _folder.Dispose();
}
