"""What this interpreter's memory is made of: its objects by type, and the largest of them.

Walks over what the garbage collector knows (objects that can hold others) and over large ones that they hold and it does not
know: a dict of texts and numbers, bytes, an array of numpy. One call in C takes the list of objects, with the GIL held; the rest goes
slice by slice, with a rest after each, so that threads that serve requests wait about a millisecond. Calls no code of the app.
"""
from __future__ import annotations

import collections
import gc
import heapq
import itertools
import sys
import time
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

# Objects per slice: about a millisecond, far below the 5 ms after which a thread that waits asks for the GIL.
SLICE = 1000
# How long the GIL is let alone after a slice. A thread that waits needs a few ten microseconds to wake up and take it.
REST_SECONDS = 0.0005
# Beyond so many each second (third, ...) object is looked at, and counted as two (three, ...).
MOST_OBJECTS = 2_000_000
# Containers with fewer items are not looked at one by one, nor are blocks (bytes and what else holds no objects) of fewer bytes.
LARGE_ITEMS = 64
# What hangs in a larger one is not asked for, all at once with the GIL held, only to find what the collector does not track.
HUGE_ITEMS = 10_000
LARGE_BLOCK = 16 * 1024
# How many are reported: the largest, those that have grown most since the last walk, and blocks: thousands of equal blocks must not
# hide the dict that they hang in.
LARGEST, GROWN, BLOCKS = 15, 10, 5
# How many containers are remembered for the next walk.
MOST_KNOWN = 100_000
# How deep, and how many objects for each item, an estimate of contents looks.
OWNED_DEPTH = 3
OWNED_OBJECTS = 200

# The collector does not track these while they hold nothing that can be part of a cycle.
UNTRACKED = {dict, tuple, bytes, bytearray}
# Their own count of items, for a class of the app's may have another.
LENGTHS: dict[type, Callable[[Any], int]] = {kind: kind.__len__ for kind in (dict, list, tuple, set, frozenset, collections.deque)}
# A method of C; a __sizeof__ of the app's own is not called.
OF_C = (types.MethodDescriptorType, types.WrapperDescriptorType, types.BuiltinFunctionType)


class Tally:
    """Of one type."""

    __slots__ = ("bytes", "count", "fixed", "length", "measures")

    def __init__(self, kind: type) -> None:
        self.count = self.bytes = 0
        bases = type.__dict__["__mro__"].__get__(kind)
        method = next((vars(base)["__sizeof__"] for base in bases if "__sizeof__" in vars(base)), None)
        self.length = next((LENGTHS[base] for base in bases if base in LENGTHS), None)
        # Without a __sizeof__ of its own and without a part of variable length all of a type are of one size.
        self.fixed = None if kind.__itemsize__ or method is not vars(object)["__sizeof__"] else 0
        self.measures = isinstance(method, OF_C)


class Objects:
    """One walk; the result is in its attributes. ``looked_at`` of ``total`` objects were; ``pause`` is the longest time in seconds that
    the GIL was held without a chance for others; ``held`` are the objects to be shown; ``items`` has the number of items of every larger
    container by its id, to be given to the next walk as ``before``."""

    def __init__(
        self, limit: int = MOST_OBJECTS, stopped: Callable[[], bool] = lambda: False, before: Mapping[int, int] | None = None
    ) -> None:
        self.tallies: dict[type, Tally] = {}
        self.pause = 0.0
        self.items: dict[int, int] = {}
        self.held: list[object] = []
        self._before = before or {}
        self._largest: list[tuple[int, int, object]] = []
        self._grown: list[tuple[int, int, object]] = []
        self._blocks: list[tuple[int, int, object]] = []
        self._seen: set[int] = set()  # blocks that are among the largest so far
        self._stopped = stopped
        self._untracked = UNTRACKED | _arrays()
        begun = time.perf_counter()
        objects = gc.get_objects()
        self.total = len(objects)
        step = max(1, -(-self.total // limit)) if limit else 1
        if step > 1:
            objects = objects[::step]
        self.looked_at = len(objects)
        self.pause = time.perf_counter() - begun
        for part in slices(objects, stopped):
            begun = time.perf_counter()
            self._count(part, step)
            self.pause = max(self.pause, time.perf_counter() - begun)
        self.held.extend({number: each for entries in (self._grown, self._largest, self._blocks) for _, number, each in entries}.values())
        for entries in (self._grown, self._largest, self._blocks):
            entries.clear()
        self._seen.clear()

    def _count(self, part: list[object], step: int) -> None:
        groups: dict[type, list[object]] = {}
        huge: set[int] = set()
        for each in part:
            kind = type(each)
            group = groups.get(kind)
            if group is None:
                groups[kind] = [each]
            else:
                group.append(each)
        for kind, group in groups.items():
            tally = self.tallies.get(kind)
            if tally is None:
                tally = self.tallies[kind] = Tally(kind)
            tally.count += len(group) * step
            if tally.fixed is not None:
                tally.fixed = tally.fixed or _size(group[0], tally)
                tally.bytes += tally.fixed * len(group) * step
                continue
            for each in group:
                size = _size(each, tally)
                tally.bytes += size * step
                if tally.length is None:
                    if size >= LARGE_BLOCK:
                        self._consider_block(each, size)
                elif (items := tally.length(each)) >= LARGE_ITEMS:
                    self._consider(each, size, items)
                    if items >= HUGE_ITEMS:
                        huge.add(id(each))
        held = referents(part if not huge else [each for each in part if id(each) not in huge])
        for each in itertools.compress(held, map(self._untracked.__contains__, map(type, held))):
            if type(each) not in LENGTHS:
                if each.__sizeof__() >= LARGE_BLOCK:
                    self._consider_block(each, sys.getsizeof(each))
            elif len(each) >= LARGE_ITEMS and id(each) not in self.items and not gc.is_tracked(each):
                self._consider(each, sys.getsizeof(each), len(each))

    def _consider(self, each: object, size: int, items: int) -> None:
        if len(self.items) < MOST_KNOWN:
            self.items[id(each)] = items
        inside = contents(each, 2)
        weight = 0 if inside is None else inside[1]
        # No two have the same id, so the objects themselves are never compared.
        _keep(self._largest, LARGEST, (size + weight, id(each), each))
        grown = items - self._before.get(id(each), items)
        if grown > 0:
            _keep(self._grown, GROWN, ((size + weight) * grown // items, id(each), each))

    def _consider_block(self, each: object, size: int) -> None:
        if id(each) not in self._seen:
            self._seen.add(id(each))
            left = _keep(self._blocks, BLOCKS, (size, id(each), each))
            if left is not None:
                self._seen.discard(left[1])


def _keep(largest: list[tuple[int, int, object]], most: int, entry: tuple[int, int, object]) -> tuple[int, int, object] | None:
    """Put ``entry`` into a heap of the ``most`` largest; what falls out."""
    if len(largest) < most:
        heapq.heappush(largest, entry)
        return None
    return heapq.heappushpop(largest, entry)


def slices(objects: list[object], stopped: Callable[[], bool]) -> Iterator[list[object]]:
    """``objects`` in slices, with a rest after each; the list is empty afterwards.

    The youngest first, and each slice is let go before the rest: an object of a request must not live on because it was counted.
    """
    objects.reverse()
    while objects and not stopped():
        part = objects[-SLICE:]
        del objects[-SLICE:]
        yield part
        del part[:]
        time.sleep(REST_SECONDS)
    objects.clear()


def referents(objects: list[Any]) -> list[Any]:
    """What they hold, as the collector sees it; of modules nothing: their dict is an object of its own.

    A module in C may show what is not alive: _asyncio of CPython 3.12 shows its list of freed iterators. To hold one of those, even for
    the call, frees it twice; then the list has no end, and the next who walks it (the collector too) uses up all memory.
    """
    return gc.get_referents(*[each for each in objects if type(each) is not types.ModuleType])


def name_of(kind: type) -> str:
    """module.Class as it can be searched for; built-in types without their module."""
    try:
        module, name = type.__dict__["__module__"].__get__(kind), type.__dict__["__qualname__"].__get__(kind)
    except AttributeError:
        return "?"
    return str(name) if module == "builtins" else f"{module}.{name}"


def contents(container: Any, sample: int = 64) -> tuple[str, int] | None:
    """What it holds, by a sample of its items: the usual type, and an estimate of the bytes that would go with them. None for what
    holds no items."""
    try:
        if issubclass(type(container), dict):
            items = list(itertools.islice(dict.values(container), sample))
        elif type(container) in (list, tuple):
            items = list(container[:: max(1, len(container) // sample)][:sample])
        elif type(container) in LENGTHS:
            items = list(itertools.islice(container, sample))
        else:
            return None
        if not items:
            return None
        kinds = [name_of(type(each)) for each in items]
        usual = max(set(kinds), key=kinds.count)
        total = sum(map(_owned, items))
        return usual if len(set(kinds)) == 1 else f"{usual} and others", total * (length(container) or 0) // len(items)
    except (RuntimeError, TypeError):
        return None  # changed by a thread meanwhile, or a class that iterates in a way of its own


def _owned(item: object) -> int:
    """An item and what nothing else seems to hold."""
    total = 0
    level = [item]
    left = OWNED_OBJECTS
    for _ in range(OWNED_DEPTH):
        below: list[object] = []
        while level and left:
            each = level.pop()
            left -= 1
            total += size(each)
            if gc.is_tracked(each) or type(each) in (dict, tuple):
                below += referents([each])
        while below and left:
            # Held by its owner, and here by a name and for the call.
            each = below.pop()
            if sys.getrefcount(each) <= 3:
                level.append(each)
    return total


def size(each: object) -> int:
    """Its own bytes, without what it holds."""
    return _size(each, Tally(type(each)))


def _size(each: object, tally: Tally) -> int:
    if tally.measures:
        try:
            return sys.getsizeof(each)
        except Exception:
            pass  # one that is only half made
    return type(each).__basicsize__


def length(each: object) -> int | None:
    """Items of a container."""
    count = Tally(type(each)).length
    return None if count is None else count(each)


def _arrays() -> set[type]:
    # Not tracked either, and where programs that use it keep most of their memory.
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    return {array} if isinstance(array, type) else set()
