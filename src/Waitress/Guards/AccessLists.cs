using System.Net;
using Waitress.Configuration;
using Waitress.Telemetry;

namespace Waitress.Guards;

/// <summary>
/// Who may connect: <c>deny</c> and <c>allow</c>, and the files that they name, which are read again when they change. Who is denied is kept
/// out whatever allow says; where allow is given, so is everybody it does not name. Asked from any thread; files are looked at on a timer's.
/// </summary>
internal sealed class AccessLists : IDisposable
{
    // Soon enough for somebody who waits for it, and nothing to speak of in cost: one system call per file.
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    private readonly Mailbox? _log;
    private readonly AddressList _deny;
    private readonly AddressList? _allow;
    private readonly ITimer? _timer;
    private int _looking;

    /// <exception cref="IOException">A file can't be had, or has an entry that is none; SettingsReader lets no such one through.</exception>
    public AccessLists(Settings settings, Mailbox? log, TimeProvider time)
    {
        _log = log;
        _deny = Read(settings.Deny);
        _allow = settings.Allow.Count > 0 ? Read(settings.Allow) : null;
        if (Files.Any())
            _timer = time.CreateTimer(static self => ((AccessLists)self!).Look(), this, Period, Period);
    }

    private IEnumerable<AddressFile> Files => _deny.Files.Concat(_allow?.Files ?? []);

    /// <param name="address">The client's; null when it has none, or none that is known.</param>
    /// <param name="isNamed">Whether a proxy named the client, by another word than an address: nobody can have allowed that.</param>
    public bool Admits(IPAddress? address, bool isNamed = false) => address is null
        ? _allow is null || !isNamed
        : !_deny.Contains(address) && (_allow is null || _allow.Contains(address));

    public void Dispose() => _timer?.Dispose();

    private static AddressList Read(IEnumerable<string> items) =>
        AddressList.Read(items, out var errors) ?? throw new IOException(string.Join("; ", errors));

    private void Look()
    {
        // A disk that is slow for once must not pile up looks.
        if (Interlocked.Exchange(ref _looking, 1) != 0)
            return;
        foreach (var file in Files)
        {
            if (file.Look(out var error))
                _log?.Post(LogEvent.ListRead, file.Path, file.Addresses.Count);
            else if (error is not null)
                _log?.Post(LogEvent.ListBroken, error);
        }

        Volatile.Write(ref _looking, 0);
    }
}

/// <summary>One of the two lists: what stands in the settings, and files.</summary>
internal sealed class AddressList
{
    /// <summary>What an item that names a file begins with.</summary>
    public const char FileSign = '@';

    private readonly AddressSet _stated;
    private readonly List<AddressFile> _files;

    private AddressList(AddressSet stated, List<AddressFile> files) => (_stated, _files) = (stated, files);

    public IReadOnlyList<AddressFile> Files => _files;

    /// <summary>From items of the settings; null with the reasons, a line each, when files can't be had or have entries that are none.</summary>
    public static AddressList? Read(IEnumerable<string> items, out List<string> errors)
    {
        errors = [];
        var stated = new List<AddressRange>();
        var files = new List<AddressFile>();
        foreach (var item in items)
        {
            if (item[0] != FileSign)
            {
                if (AddressRange.TryParse(item, out var range))
                    stated.Add(range);
            }
            else if (AddressFile.Open(item[1..], out var error) is { } file)
                files.Add(file);
            else
                errors.Add(error!);
        }

        return errors.Count == 0 ? new AddressList(new AddressSet(stated), files) : null;
    }

    public bool Contains(IPAddress address)
    {
        if (_stated.Contains(address))
            return true;
        foreach (var file in _files)
        {
            if (file.Addresses.Contains(address))
                return true;
        }

        return false;
    }
}
