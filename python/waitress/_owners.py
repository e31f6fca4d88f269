"""Where large objects hang: ``module.NAME``, ``module.Class.attribute``, an item of a container that hangs there, a local of a function.

A hint for whoever looks for a leak, found by going back from holder to holder a few steps, each step one walk over all objects, slice by
slice as in _objects. Bounded in steps and in time: what is not found by then has no name. Calls no code of the app.
"""
from __future__ import annotations

import gc
import sys
import time
import types
from collections import deque

from waitress._objects import name_of, referents, slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

NAMESPACE = "the names of module "
STEPS = 4
SECONDS = 10.0
# A key is shown where the dict looks like a record: the keys of a table may be names and tokens of the app's users.
RECORD_ITEMS = 100
RECORD_KEY = 32
# How far into a list or tuple an index is looked for.
MOST_ITEMS = 100_000


class Trail:
    """From one object back to where it hangs."""

    __slots__ = ("attribute", "found", "head", "path")

    def __init__(self, head: object) -> None:
        self.head = head
        self.path = ""  # from the head to the object, as [0]['name']
        self.attribute = ""  # the same if the head is what holds the attributes of a module, class or instance
        self.found: str | None = None


class Edge:
    """One holder of a head. Without a ``head`` to go on from ``text`` is a name; ``joins``: its attributes are what was looked for."""

    __slots__ = ("attribute", "head", "joins", "rank", "text")

    def __init__(self, rank: int, text: str, head: object = None, attribute: str = "", joins: bool = False) -> None:
        self.rank, self.text, self.head, self.attribute, self.joins = rank, text, head, attribute, joins


def find(held: list[object], stopped: Callable[[], bool] = lambda: False) -> tuple[list[str | None], float]:
    """A name for each of ``held``, or None; and the longest time that the GIL was held without a chance for others."""
    trails = [Trail(each) for each in held]
    ours = {id(trails), id(held)}
    deadline = time.monotonic() + SECONDS
    pause = [0.0]
    for _ in range(STEPS):
        wanted: dict[int, list[Trail]] = {}
        for trail in trails:
            if trail.found is None:
                wanted.setdefault(id(trail.head), []).append(trail)
        _look_in_modules(wanted)
        missing = {key for key, some in wanted.items() if some[0].found is None}
        for key, edge in _look_everywhere(missing, ours, pause, lambda: time.monotonic() > deadline or stopped()).items():
            for trail in wanted[key]:
                if edge.head is None:
                    trail.found = edge.text + (trail.attribute if edge.joins else trail.path)
                else:
                    trail.attribute, trail.path, trail.head = edge.attribute + trail.path, edge.text + trail.path, edge.head
    return [trail.found for trail in trails], max(pause)


def _look_in_modules(wanted: Mapping[int, list[Trail]]) -> None:
    for module_name, module in list(sys.modules.items()):
        if not issubclass(type(module), types.ModuleType):
            continue
        space = object.__getattribute__(module, "__dict__")
        for trail in wanted.get(id(space), ()):
            trail.found = module_name + trail.attribute if trail.attribute else NAMESPACE + module_name
        if wanted.keys().isdisjoint(map(id, list(space.values()))):
            continue
        for name, value in list(space.items()):
            for trail in wanted.get(id(value), ()):
                text = f"{module_name}.{name}{trail.path}"
                # The shortest: app.CACHE rather than the app.views.CACHE that was imported from there.
                if name != "__builtins__" and (trail.found is None or len(text) < len(trail.found)):
                    trail.found = text


def _look_everywhere(wanted: set[int], ours: set[int], pause: list[float], stopped: Callable[[], bool]) -> dict[int, Edge]:
    """The best holder of each."""
    best: dict[int, Edge] = {}
    if not wanted:
        return best
    begun = time.perf_counter()
    objects = gc.get_objects()
    pause.append(time.perf_counter() - begun)
    for part in slices(objects, stopped):
        begun = time.perf_counter()
        nothing = wanted.isdisjoint(map(id, referents(part)))
        pause[0] = max(pause[0], time.perf_counter() - begun)
        if nothing:
            continue
        for each in part:
            if _is_ours(each, ours):
                continue
            for target in wanted.intersection(map(id, referents([each]))):
                edge = _edge(each, target)
                if edge is not None and (target not in best or edge.rank < best[target].rank):
                    best[target] = edge
    return best


def _is_ours(each: Any, ours: set[int]) -> bool:
    return type(each) in (Trail, Edge) or id(each) in ours or (type(each) is types.FrameType and each.f_globals.get("__package__") == "waitress")


def _edge(holder: Any, target: int) -> Edge | None:
    # By the type alone: isinstance() asks for __class__ too, which may be a property of the app's (Django's lazy objects load what they stand for).
    kind = type(holder)
    if kind is types.ModuleType:
        return None  # _look_in_modules knows better
    if issubclass(kind, type):
        return Edge(1, name_of(holder), joins=True)  # its dict
    if issubclass(kind, dict):
        key = next((key if type(key) is str else "?" for key, value in list(dict.items(holder)) if id(value) == target), "?")
        record = len(holder) <= RECORD_ITEMS and len(key) <= RECORD_KEY and key.isidentifier()
        return Edge(3, f"[{key!r}]" if record else "[...]", holder, f".{key}")
    if kind in (list, tuple, deque):
        return Edge(4, f"[{_index(holder, target)}]", holder)
    if kind is types.CellType:
        return Edge(5, "", holder)
    if kind is types.FunctionType:
        defaults = target in (id(holder.__defaults__), id(holder.__kwdefaults__))
        what = "a default of" if defaults else "the closure of" if target == id(holder.__closure__) else "held by"
        return Edge(2, f"{what} {holder.__module__}.{holder.__qualname__}: ")
    if kind in (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType):
        return Edge(6, f"a local of {holder.__qualname__}: ")
    if kind is types.FrameType:
        return Edge(6, f"a local of {holder.f_code.co_name}: ")
    if kind.__name__ == "_lru_cache_wrapper":
        wrapped = getattr(holder, "__wrapped__", None)
        return Edge(1, f"the cache of {getattr(wrapped, '__module__', '?')}.{getattr(wrapped, '__qualname__', '?')}")
    return _attribute(holder, kind, target)


def _attribute(holder: object, kind: type, target: int) -> Edge:
    try:
        space = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        space = None
    if type(space) is dict:
        if id(space) == target:
            return Edge(2, name_of(kind), joins=True)
        for name, value in list(space.items()):
            if id(value) == target:
                return Edge(2, f"{name_of(kind)}.{name}")
    for base in type.__dict__["__mro__"].__get__(kind):
        for name, member in list(vars(base).items()):
            # Slots of a class and members of C: nothing of the app's runs.
            if type(member) is types.MemberDescriptorType:
                try:
                    if id(member.__get__(holder)) == target:
                        return Edge(2, f"{name_of(kind)}.{name}")
                except AttributeError:
                    pass  # an empty slot
    return Edge(7, f"held by {name_of(kind)}")


def _index(holder: Any, target: int) -> str:
    return next((str(index) for index, value in enumerate(list(holder)[:MOST_ITEMS]) if id(value) == target), "...")
