"""How many event loops the main interpreter has, and what is done with all of them: one, or one per worker where threads run in parallel.

start() and join() belong to the thread that runs the server; each loop then lives on a thread of its own (_asgi).
"""
from __future__ import annotations

import logging
import sys
import time

from waitress._asgi import EventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from waitress._native import Engine

logger = logging.getLogger("waitress")


def is_parallel() -> bool:
    """Whether several threads of this interpreter run Python at the same time: a free-threaded one, whose GIL is off."""
    return not getattr(sys, "_is_gil_enabled", lambda: True)()


class EventLoops:
    """All loops of one interpreter: one, or on a free-threaded Python as many as there are workers, for the one app."""

    def __init__(self, engine: Engine, app: Any, values: Mapping[str, Any], count: int = 1) -> None:
        names = ["waitress-loop"] if count == 1 else [f"waitress-loop-{number}" for number in range(count)]
        self._loops = [EventLoop(engine, app, values, name, count == 1) for name in names]

    def start(self) -> None:
        """One after the other, each with its lifespan, so that an app which refuses to start says so once. AppError then, and none is left."""
        try:
            for loop in self._loops:
                loop.start()
        except BaseException:
            for loop in self._loops:
                loop.leave()
            self.join(0.0)
            raise
        if self._loops[0].note:
            logger.info("%s", self._loops[0].note)

    def describe(self) -> str:
        """For the line that is logged at the start."""
        count = len(self._loops)
        return f"{'one event loop' if count == 1 else f'{count} event loops'} ({self._loops[0].name})"

    def join(self, seconds: float) -> list[str]:
        """Wait for all to end, as EventLoop.join(); the names of those that have not."""
        deadline = time.monotonic() + seconds
        return [name for loop in self._loops for name in loop.join(max(0.0, deadline - time.monotonic()))]

    def tasks(self) -> list[dict[str, Any]]:
        """As EventLoop.tasks(), of all."""
        return [task for loop in self._loops for task in loop.tasks()]


def loops(engine: Engine, app: Any, values: Mapping[str, Any], *, own: bool) -> EventLoops:
    """Those of the main interpreter. ``own``: the app has no threads beside them, so that workers means loops."""
    # Only where somebody asked for them: the default of workers is meant for threads.
    stated = own and values.get("worker_class") == "thread" and values.get("workers_stated")
    wanted = int(values.get("workers") or 1) if stated else 1
    if wanted > 1 and not is_parallel():
        logger.warning("An ASGI app has one event loop here, whatever workers says: worker_class process gives each worker a process and a loop")
        wanted = 1
    return EventLoops(engine, app, values, wanted)
