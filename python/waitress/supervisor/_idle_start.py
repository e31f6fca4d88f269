"""A worker that is to take another's place starts with what the processors have left: requests don't wait for its imports.

Under Linux's policy SCHED_IDLE a thread gives way at once to any that has something to do. A process may leave it again only with CAP_SYS_NICE or
an RLIMIT_NICE that allows nice 0, so it is used only where that holds. SCHED_BATCH and a processor of its own, which need nothing, did not shorten
the waits (bench/README.md).
"""
from __future__ import annotations

import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from waitress.supervisor._loop import Loop
    from waitress.supervisor._worker_process import WorkerProcess

# A start that got less than half a processor in this time would take too long on what is left.
LOOK_SECONDS = 1.0
LEAST_SHARE = 0.5


class IdleStart:
    """For workers whose predecessor still serves. ``allowed`` is asked once, when it is first needed."""

    def __init__(self, loop: Loop, allowed: Callable[[], bool] | None = None, system: Any = os) -> None:
        self._loop, self._system = loop, system
        self._allowed = allowed or can_return
        self._can: bool | None = None
        self._under_way: set[int] = set()

    def begin(self, worker: WorkerProcess) -> None:
        """Right after it was started: what threads and processes it makes from then on inherit this."""
        if self._can is None:
            self._can = self._allowed()
        if self._can and self._set(worker.pid, self._system.SCHED_IDLE):
            self._under_way.add(worker.pid)
            self._loop.call_later(LOOK_SECONDS, lambda: self._look(worker, 0.0))

    def end(self, worker: WorkerProcess) -> None:
        """It serves, or gets too little: it is to be like the others, and so are the processes that it has started."""
        if worker.pid not in self._under_way:
            return
        self._under_way.remove(worker.pid)
        # Until none is left: a thread that is not reached yet may make another one.
        while any([self._set(thread, self._system.SCHED_OTHER) for thread in _threads(worker.pid) if self._is_idle(thread)]):
            pass

    def _look(self, worker: WorkerProcess, before: float) -> None:
        if worker.pid not in self._under_way:
            return
        if worker.state == "gone":
            self._under_way.remove(worker.pid)  # by now the number may be another process's
            return
        used = _processor_seconds(worker.pid)
        if worker.state != "starting" or used - before < LEAST_SHARE * LOOK_SECONDS:
            self.end(worker)
        else:
            self._loop.call_later(LOOK_SECONDS, lambda: self._look(worker, used))

    def _is_idle(self, thread: int) -> bool:
        try:
            return bool(self._system.sched_getscheduler(thread) == self._system.SCHED_IDLE)
        except OSError:
            return False  # it has ended

    def _set(self, thread: int, policy: int) -> bool:
        try:
            self._system.sched_setscheduler(thread, policy, self._system.sched_param(0))
        except OSError:
            return False
        return True


def can_return() -> bool:
    """Whether who takes up SCHED_IDLE may leave it: a thread tries."""
    if not hasattr(os, "SCHED_IDLE"):
        return False
    results: list[bool] = []

    def attempt() -> None:
        try:
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
                results.append(True)
        except OSError:
            pass  # The thread ends, whatever it has now.

    thread = threading.Thread(target=attempt, name="waitress-idle-start")
    thread.start()
    thread.join()
    return bool(results)


def _threads(pid: int) -> Iterator[int]:
    """Of a process and of those that it has started."""
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return
    for thread in threads:
        yield thread
        try:
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                children = file.read().split()
        except OSError:  # it has ended, or the kernel does not tell
            continue
        for child in children:
            yield from _threads(int(child))


def _processor_seconds(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0
