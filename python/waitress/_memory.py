"""The memory report of one process: for waitress-ctl memory, and in the log each ``memory_report`` seconds.

Receives the engine for its own figures; a report is a dict of plain values (_memory_text writes it for people). Reports are made on a
thread of their own: the main thread must stay free to raise timeouts and to answer the supervisor. One at a time per process.
"""
from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time

from waitress import _memory_text, _objects, _owners

try:
    import tracemalloc  # now, or what it imports would be the growth of the second report
except ImportError:
    tracemalloc = None  # type: ignore[assignment]  # an interpreter that does not get it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

logger = logging.getLogger("waitress.memory")

# Types in a report: those that grew most, then the largest. A terminal shows fewer.
MOST_TYPES = 50
# A process has thousands of types; one that makes them without end must not fill this with their names.
MOST_NAMES = 20_000
MOST_LINES = 20
# What a report may keep the end of the server waiting for: it looks at each slice whether it should stop.
JOIN_SECONDS = 2.0

_one_at_a_time = threading.Lock()


class Reports:
    """Reports one after the other, each with the growth since the one before and since the first. One object per reader: what one has
    seen is not what another has seen."""

    def __init__(self, engine: Any = None, interpreters: Callable[[], list[dict[str, Any]]] | None = None) -> None:
        """``interpreters`` gives the reports of other interpreters of this process."""
        self._engine, self._interpreters = engine, interpreters
        self._counts: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._items: dict[int, int] = {}
        self._lines: dict[str, int] = {}
        self._blocks: int | None = None
        self._made: float | None = None

    def make(self, limit: int = _objects.MOST_OBJECTS, stopped: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """One report. ``limit``: how many objects are looked at, 0 for all; of more, each second (third, ...) is, and counts twice."""
        with _one_at_a_time:
            return self._make(limit, stopped)

    def _make(self, limit: int, stopped: Callable[[], bool]) -> dict[str, Any]:
        begun = time.monotonic()
        blocks = sys.getallocatedblocks()
        objects = _objects.Objects(limit, stopped, self._items)
        report: dict[str, Any] = {
            "process": process_figures(),
            "engine": self._engine.memory() if hasattr(self._engine, "memory") else None,
            "python": {
                "blocks": blocks, "blocks_growth": None if self._blocks is None else blocks - self._blocks,
                "objects": objects.total, "looked_at": objects.looked_at, "uncollectable": len(gc.garbage), "frozen": gc.get_freeze_count(),
                "threads": threading.active_count(),
                "generations": [
                    {"objects": count, "threshold": threshold, **statistics}
                    for count, threshold, statistics in zip(gc.get_count(), gc.get_threshold(), gc.get_stats())
                ],
            },
            "since": None if self._made is None else begun - self._made,
            "types": self._types(objects),
            "largest": self._largest(objects, stopped),
            "tracemalloc": self._traced(),
            "interpreters": self._interpreters() if self._interpreters is not None else [],
        }  # fmt: skip
        report["pause"] = objects.pause
        report["seconds"] = time.monotonic() - begun
        self._made, self._blocks = begun, blocks
        return report

    def _types(self, objects: _objects.Objects) -> list[dict[str, Any]]:
        counts: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for kind, tally in objects.tallies.items():
            name = _objects.name_of(kind)
            counts[name] = counts.get(name, 0) + tally.count
            sizes[name] = sizes.get(name, 0) + tally.bytes
        objects.tallies.clear()
        known = self._made is not None
        rows = [
            {"type": name, "count": count, "bytes": sizes[name], "growth": count - self._counts.get(name, 0) if known else None,
             "growth_first": count - self._first.get(name, 0) if known else None}
            for name, count in counts.items()
        ]  # fmt: skip
        self._counts = counts if len(counts) <= MOST_NAMES else {}
        if not known:
            self._first = self._counts
        # What grew, the most first, and then what is large, which is all there is the first time.
        rows.sort(key=lambda row: (-max(row["growth"] or 0, 0), -row["bytes"]))
        return rows[:MOST_TYPES]

    def _largest(self, objects: _objects.Objects, stopped: Callable[[], bool]) -> list[dict[str, Any]]:
        names, pause = _owners.find(objects.held, stopped)
        objects.pause = max(objects.pause, pause)
        rows = []
        for each, where in zip(objects.held, names):
            items = _objects.length(each)
            before = self._items.get(id(each))
            if where is not None and where.startswith(_owners.NAMESPACE) and items == (before or items):
                continue  # every program has these, and they are as large as its modules
            inside = _objects.contents(each)
            rows.append({
                "type": _objects.name_of(type(each)), "items": items, "bytes": _objects.size(each), "where": where,
                "growth": None if items is None or before is None else items - before,
                "holds": inside and inside[0], "holds_bytes": inside and inside[1],
            })  # fmt: skip
        objects.held.clear()
        self._items = objects.items
        # What grew, by an estimate of what came with it, and then what is large.
        rows.sort(key=lambda row: (-max(row["growth"] or 0, 0) * (row["holds_bytes"] or 0) / (row["items"] or 1), -row["bytes"] - (row["holds_bytes"] or 0)))
        return rows

    def _traced(self) -> dict[str, Any] | None:
        if tracemalloc is None or not tracemalloc.is_tracing():
            return None
        size, peak = tracemalloc.get_traced_memory()
        ours = {tracemalloc.__file__, *(module.__file__ for module in (_objects, _owners, sys.modules[__name__]))}
        sizes: dict[str, int] = {}
        rows = []
        for each in tracemalloc.take_snapshot().statistics("lineno"):
            frame = each.traceback[0]
            if frame.filename in ours:
                continue
            where = f"{frame.filename}:{frame.lineno}"
            sizes[where] = each.size
            growth = each.size - self._lines.get(where, 0) if self._lines else None
            rows.append({"where": where, "bytes": each.size, "blocks": each.count, "growth": growth})
        self._lines = sizes
        rows.sort(key=lambda row: (-max(row["growth"] or 0, 0), -row["bytes"]))
        return {"bytes": size, "peak": peak, "overhead": tracemalloc.get_tracemalloc_memory(), "lines": rows[:MOST_LINES]}


class Periodic:
    """Writes a report to the log each so many seconds, until it is closed."""

    def __init__(self, seconds: float, reports: Reports) -> None:
        self._seconds, self._reports = seconds, reports
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waitress-memory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            try:
                report = self._reports.make(stopped=self._closed.is_set)
                if not self._closed.is_set():
                    logger.info("%s", "\n".join(_memory_text.short(report)))
            except Exception:
                # The next one may succeed; a report must never end anything.
                logger.exception("The memory report failed")


def process_figures() -> dict[str, int | None]:
    """Of this process, in bytes; None where the system does not tell."""
    figures: dict[str, int | None] = {"resident": None, "private": None, "swap": None, "peak": None}
    try:
        # One line per sum instead of one per mapping (Linux 4.14).
        with open("/proc/self/smaps_rollup", encoding="ascii") as file:
            sums = {line.split()[0]: int(line.split()[1]) * 1024 for line in list(file)[1:]}
        figures.update(resident=sums["Rss:"], private=sums["Private_Clean:"] + sums["Private_Dirty:"], swap=sums.get("Swap:", 0))
    except (OSError, KeyError, ValueError, IndexError):
        try:
            with open("/proc/self/statm", "rb") as statm:
                figures["resident"] = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            pass  # macOS, Windows
    try:
        import resource

        # In KiB, on macOS in bytes.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        figures["peak"] = max(peak, figures["resident"] or 0)  # Linux counts it by the thread, and is behind by some pages of each
    except ImportError:
        pass  # Windows
    return figures
