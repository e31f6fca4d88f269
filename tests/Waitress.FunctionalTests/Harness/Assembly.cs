using System.Runtime.Versioning;

// Each test class owns at least one server with its threads: two at a time keep the machine busy without making waits long.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]

// Signals, unix sockets, flock and /proc are part of what is tested.
[assembly: SupportedOSPlatform("linux")]
