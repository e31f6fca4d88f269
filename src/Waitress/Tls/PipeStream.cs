using System.Buffers;
using System.IO.Pipelines;

namespace Waitress.Tls;

/// <summary>The transport's two pipes as the stream that SslStream wants. One read and one write at a time; closing it closes nothing.</summary>
/// <param name="pipes">The transport.</param>
/// <param name="gone">Called when a write finds that the transport takes no more.</param>
internal sealed class PipeStream(IDuplexPipe pipes, Action gone) : Stream
{
    private readonly PipeReader _input = pipes.Input;
    private readonly PipeWriter _output = pipes.Output;

    /// <summary>
    /// Whether what follows a read leaves the thread that polls the sockets: in a handshake, whose arithmetic takes up to a millisecond. Later
    /// records are decrypted in place.
    /// </summary>
    public bool OffThread { get; set; }

    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var read = await _input.ReadAsync(cancellationToken);
            if (OffThread)
                await Task.Yield();
            var available = read.Buffer;
            if (read.IsCanceled)
            {
                _input.AdvanceTo(available.Start);
                throw new OperationCanceledException();
            }

            if (available.IsEmpty && !read.IsCompleted)
            {
                _input.AdvanceTo(available.Start, available.End);
                continue;
            }

            // Of no bytes when none are wanted: SslStream waits so without holding a buffer.
            var length = (int)Math.Min(available.Length, buffer.Length);
            var taken = available.Slice(0, length);
            taken.CopyTo(buffer.Span);
            _input.AdvanceTo(taken.End); // From here on the sequence means nothing.
            return length;
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if ((await _output.WriteAsync(buffer, cancellationToken)).IsCompleted)
            gone();
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async Task FlushAsync(CancellationToken cancellationToken) => await _output.FlushAsync(cancellationToken);

    public override void Flush()
    {
    }

    // Only where a pipe is completed with bytes that nobody has flushed; handed over without waiting, as the thread may be the one that polls.
    public override void Write(byte[] buffer, int offset, int count)
    {
        _output.Write(buffer.AsSpan(offset, count));
        _ = _output.FlushAsync().AsTask();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
