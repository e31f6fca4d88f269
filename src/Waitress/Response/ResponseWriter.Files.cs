using Microsoft.Win32.SafeHandles;

namespace Waitress.Response;

/// <summary>Files that the app returned through wsgi.file_wrapper: read and sent without Python, after the worker is free.</summary>
internal sealed partial class ResponseWriter
{
    /// <summary>
    /// What is read at once: large enough that the cost per call vanishes, small enough that 200 downloads hold 50 MiB.
    /// </summary>
    private const int FileBlock = 262_144;

    /// <summary>The same on HTTP/2, where a client has to take a block within channel_timeout and Kestrel keeps it until it has.</summary>
    private const int StreamedFileBlock = 65_536;

    /// <summary>After so many bytes another answer has its turn: a fast reader would else keep its thread for a whole file.</summary>
    private const int Turn = 1_048_576;

    private SafeFileHandle? _file;
    private long _fileAt;

    /// <summary>Takes over the descriptor; the bytes from the offset on are sent, as many as were declared.</summary>
    public void SendFile(SafeFileHandle handle, long offset)
    {
        (_file, _fileAt) = (handle, offset);
        Written = Declared ?? 0;
    }

    private async ValueTask SendFileAsync()
    {
        using var handle = _file!;
        _file = null;
        Commit();
        var left = Suppressed ? 0 : Declared ?? 0;

        // Off the thread that polls the sockets (or the Python thread): a file that is not in memory makes the read below wait.
        await Task.Yield();
        var turn = 0;
        var block = exchange.IsMultiplexed ? StreamedFileBlock : FileBlock;
        while (left > 0 && !exchange.ClientGone)
        {
            var length = (int)Math.Min(left, block);
            var read = RandomAccess.Read(handle, _pipe.GetSpan(length)[..length], _fileAt);
            if (read == 0)
                throw CutException.Instance; // The file became shorter since its length was announced.
            _pipe.Advance(read);
            (left, _fileAt) = (left - read, _fileAt + read);
            var flush = _pipe.FlushAsync();
            if (flush.IsCompletedSuccessfully)
            {
                Note(flush.Result);
                turn += read;
                if (turn < Turn)
                    continue;
            }
            else
            {
                await ClientPace.KeepAsync(flush, exchange, settings);
            }

            turn = 0;
            await Task.Yield();
        }
    }
}
