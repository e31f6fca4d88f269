using System.Collections;
using System.Runtime.CompilerServices;

namespace Waitress.Configuration;

/// <summary>An immutable list with value equality, so that two <see cref="Settings"/> compare by what they say.</summary>
[CollectionBuilder(typeof(ValueList), nameof(ValueList.Create))]
internal sealed class ValueList<T>(T[] items) : IReadOnlyList<T>, IEquatable<ValueList<T>>
{
    public static readonly ValueList<T> Empty = new([]);

    public int Count => items.Length;
    public T this[int index] => items[index];
    public bool Equals(ValueList<T>? other) => other is not null && items.AsSpan().SequenceEqual(other.AsSpan());
    public override bool Equals(object? obj) => Equals(obj as ValueList<T>);
    public override int GetHashCode() => items.Aggregate(items.Length, HashCode.Combine);
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)items).GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    private ReadOnlySpan<T> AsSpan() => items;
}

internal static class ValueList
{
    public static ValueList<T> Create<T>(ReadOnlySpan<T> items) => new(items.ToArray());
}
