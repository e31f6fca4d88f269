// Each test class owns at least one server with its threads: two at a time keep the machine busy without making waits long.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
