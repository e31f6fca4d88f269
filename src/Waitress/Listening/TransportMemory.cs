using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Waitress.Listening;

/// <summary>
/// The blocks that sockets are read into and written from. Kestrel's own pool has blocks of 4 KiB, so that a body of 64 KiB takes
/// sixteen pairs of system calls; with these it takes three (bench/README.md has the figures). Blocks are pinned, since the kernel
/// writes to them; idle connections hold none. Any thread rents and returns.
/// </summary>
internal sealed class TransportMemory : MemoryPool<byte>
{
    private const int BlockSize = 32_768;

    // 4 MiB are kept for the next burst; the rest goes back to the garbage collector.
    private const int MostKept = 128;

    private readonly ConcurrentStack<Block> _free = new();
    private Block? _spare; // The one that was given back last: most requests need one at a time, and a stack makes an object of each.
    private int _kept;

    public override int MaxBufferSize => BlockSize;

    /// <summary>Makes the transport use this pool, for which Kestrel has no public setting.</summary>
    public static void UseIn(SocketConnectionFactoryOptions options)
    {
#if NET10_0_OR_GREATER
        SetFactory(options, new Factory());
#else
        SetFactory(options, static () => new TransportMemory());
#endif
    }

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        if (Interlocked.Exchange(ref _spare, null) is { } spare)
            return spare;
        if (!_free.TryPop(out var block))
            return new Block(this);
        Interlocked.Decrement(ref _kept);
        return block;
    }

    protected override void Dispose(bool disposing) => _free.Clear();

    private void Return(Block returned)
    {
        if (Interlocked.Exchange(ref _spare, returned) is not { } block)
            return;
        if (Interlocked.Increment(ref _kept) <= MostKept)
            _free.Push(block);
        else
            Interlocked.Decrement(ref _kept);
    }

    private sealed class Block(TransportMemory pool) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true);

        public void Dispose() => pool.Return(this);
    }

#if NET10_0_OR_GREATER
    private sealed class Factory : Microsoft.AspNetCore.Connections.IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(Microsoft.AspNetCore.Connections.MemoryPoolOptions? options = null) => new TransportMemory();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_MemoryPoolFactory")]
    private static extern void SetFactory(SocketConnectionFactoryOptions options, Microsoft.AspNetCore.Connections.IMemoryPoolFactory<byte> factory);
#else
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_MemoryPoolFactory")]
    private static extern void SetFactory(SocketConnectionFactoryOptions options, Func<MemoryPool<byte>> factory);
#endif
}
