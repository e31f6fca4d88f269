using System.Buffers;
using System.Collections;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Waitress.Transport;

/// <summary>The features of the connection. Most are itself; what Kestrel and we add are few, and looked for when a connection begins.</summary>
internal sealed partial class PolledConnection
    : IFeatureCollection, IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IMemoryPoolFeature, IConnectionLifetimeFeature, IConnectionSocketFeature
{
    // As Kestrel's: a number that differs between processes and goes on by one. The text is made when somebody asks for it.
    private static long LastNumber = TimeProvider.System.GetUtcNow().Ticks;

    private readonly long _number = Interlocked.Increment(ref LastNumber);
    private readonly List<KeyValuePair<Type, object?>> _added = new(8);
    private string? _id;
    private IDictionary<object, object?>? _items;

    public override IFeatureCollection Features => this;

    public override string ConnectionId
    {
        get => _id ??= _number.ToString("X", System.Globalization.CultureInfo.InvariantCulture);
        set => _id = value;
    }

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new Dictionary<object, object?>();
        set => _items = value;
    }

    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => _poller.Memory;

    Socket IConnectionSocketFeature.Socket => _socket;

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _revision;

    private int _revision;

    object? IFeatureCollection.this[Type key]
    {
        get => Find(key);
        set => Put(key, value);
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default => (TFeature?)Find(typeof(TFeature));

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => Put(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator() =>
        _added.Where(pair => pair.Value is not null).Select(pair => KeyValuePair.Create(pair.Key, pair.Value!)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)this).GetEnumerator();

    private object? Find(Type key)
    {
        foreach (var (type, feature) in _added)
        {
            if (type == key)
                return feature;
        }

        return IsOwn(key) ? this : null;
    }

    private void Put(Type key, object? feature)
    {
        _revision++;
        for (var i = 0; i < _added.Count; i++)
        {
            if (_added[i].Key == key)
            {
                _added[i] = new(key, feature); // Null hides what is our own, too.
                return;
            }
        }

        _added.Add(new(key, feature));
    }

    private static bool IsOwn(Type key) => key == typeof(IConnectionIdFeature) || key == typeof(IConnectionTransportFeature) || key == typeof(IConnectionItemsFeature)
        || key == typeof(IMemoryPoolFeature) || key == typeof(IConnectionLifetimeFeature) || key == typeof(IConnectionSocketFeature);
}
