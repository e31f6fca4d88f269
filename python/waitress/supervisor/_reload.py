"""``--reload``: asks the workers which files they run, watches them, and has all workers replaced at once when one changes.

While the code is broken its traceback is what a worker serves (waitress._broken), so a reload succeeds and the next change starts
the next one. Until the new worker is up, some tenths of a second, the old one answers.
"""
from __future__ import annotations

import logging
import os

from waitress.supervisor._watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from waitress.supervisor._supervisor import Supervisor

logger = logging.getLogger("waitress.supervisor")

# Modules are imported while requests run, too. A question costs a worker far less than a millisecond.
ASK_SECONDS = 1.0
# Of the files that changed, so many are named in the log.
NAMED = 3


class Reload:
    """Made where ``reload`` is set; lives as long as the supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._watch = Watch(supervisor.loop, self._changed, supervisor.values["reload_extra"])
        # Before any worker has said what it imports: it may not get that far.
        self._watch.watch([os.path.join(os.getcwd(), "app.py")])
        self._asked: set[str] = set()
        self._ask_all()

    def close(self) -> None:
        self._watch.close()

    def _ask_all(self) -> None:
        self._supervisor.loop.call_later(ASK_SECONDS if self._asked else ASK_SECONDS / 10, self._ask_all)
        for worker in self._supervisor.workers:
            if worker.state == "ready":
                self._asked.add(worker.name)
                worker.ask("files", self._take)

    def _take(self, answer: Any) -> None:
        if isinstance(answer, list):
            self._watch.watch([path for path in answer if isinstance(path, str)])

    def _changed(self, paths: list[str]) -> None:
        names = ", ".join(os.path.relpath(path) for path in paths[:NAMED])
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        logger.info("Changed: %s%s; the workers are restarted", names, more)
        self._end_stale()
        self._supervisor.reload(at_once=True)

    def _end_stale(self) -> None:
        """Workers that still import the code of before: nobody waits for them to be done."""
        for place in self._supervisor.places:
            for worker in (place.current, place.incoming):
                if worker is not None and worker.state == "starting":
                    self._supervisor.drop(place, worker)
