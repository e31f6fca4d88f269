"""Replacing workers that serve, for a reload or because they have served long enough: the new one is proven ready before the old
one is told to retire. Few at a time, so that memory does not double and the processors stay with the requests."""
from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from waitress.supervisor._place import Place
    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._worker_process import WorkerProcess

logger = logging.getLogger("waitress.supervisor")

# The sockets and the scoreboard are as they were made.
FIXED = ("listen", "host", "port", "unix_socket", "admin_listen", "worker_class")


class Replacing:
    """Asked for the next step whenever something changed."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._reloading: int | None = None  # the generation that a reload brings in
        self._at_once = False
        self._replies: list[Callable[[dict[str, Any]], object]] = []

    @property
    def reloading(self) -> bool:
        return self._reloading is not None

    def reload(
        self, reread: Callable[[], tuple[Mapping[str, Any], list[str]]], reply: Callable[[dict[str, Any]], object], at_once: bool
    ) -> None:
        """Settings are read again, and every worker is replaced; ``reply`` when that is done or given up. ``at_once``: all together."""
        supervisor = self._supervisor
        if supervisor.state == "stopping":
            reply({"ok": False, "error": "The service is being stopped"})
            return
        values, faults = reread()
        if faults:
            for fault in faults:
                logger.error("Reload refused, everything stays as it is: %s", fault)
            reply({"ok": False, "error": "\n".join(faults)})
            return
        before, supervisor.values = supervisor.values, values
        fixed = [name for name in FIXED if values[name] != before[name]]
        if fixed:
            logger.warning("Changed, but in force only after a restart: %s", ", ".join(fixed))
        if values.get("otlp_endpoint") != before.get("otlp_endpoint"):
            # The supervisor's exporter is the engine's, made at the start; a second one would count everything twice until the first is gone.
            logger.warning("otlp_endpoint has changed: traces follow it with the new workers, metrics only after a restart")
        supervisor.generation += 1
        logger.info("Reload: generation %d; workers are replaced as new ones are ready", supervisor.generation)
        supervisor.tell("reloading")
        self._reloading, self._at_once = supervisor.generation, at_once
        self._replies.append(reply)
        if supervisor.scale.reread(before) or supervisor.resting:
            supervisor.resting = False
            if supervisor.state == "serving":
                supervisor.scale.fit()
        for place in supervisor.places:
            place.not_before = 0.0
            if place.retry is not None and place.retry.pending:
                place.retry.cancel()  # what it died of may be gone with the new code
                supervisor.start_in(place)
        self.next()

    def next(self) -> None:
        """Begin what may begin."""
        places = self._supervisor.places
        if self._reloading is not None and all(
            place.current is not None and place.current.generation >= self._reloading and place.current.state == "ready" for place in places
        ):
            self._finish({"ok": True, "text": f"All workers run generation {self._reloading}"})
            logger.info("Reload: every worker is new (generation %d)", self._supervisor.generation)
        for place in places:
            reason = self._reason(place)
            if reason is not None and self._room(reason):
                logger.info("%s is replaced: %s", place.current, reason)
                self._supervisor.start_in(place, incoming=True)

    def failed(self, worker: WorkerProcess, place: Place, why: str) -> None:
        """An incoming worker did not become ready; the old one stays."""
        if self._reloading is not None and worker.generation >= self._reloading:
            new = sum(1 for each in self._supervisor.places if each.current is not None and each.current.generation >= self._reloading)
            text = f"Reload given up: the new worker {why}. {len(self._supervisor.places) - new} of {len(self._supervisor.places)} workers run on as they were"
            logger.error("%s", text)
            self._finish({"ok": False, "error": text, "detail": worker.failure})
            return
        pause = place.respawn.failed()
        place.not_before = self._supervisor.loop.now() + pause
        logger.error("%s was to replace %s and %s; the old one stays, the next try is in %.1f s", worker, place.current, why, pause)
        self._supervisor.loop.call_later(pause, self.next)

    def give_up(self) -> None:
        """The service ends."""
        if self._reloading is not None:
            self._finish({"ok": False, "error": "The service is being stopped"})

    def _reason(self, place: Place) -> str | None:
        worker = place.current
        if worker is None or worker.state != "ready" or place.incoming is not None:
            return None
        if self._reloading is not None and worker.generation < self._reloading:
            return "reload"
        return worker.asked if self._supervisor.loop.now() >= place.not_before else None

    def _room(self, reason: str) -> bool:
        if self._at_once:
            return True
        places = len(self._supervisor.places)
        coming = sum(1 for place in self._supervisor.places if place.incoming is not None)
        # A reload waits less for workers that finish long requests; recycling has time.
        leaving_limit = max(1, places // 2) if reason == "reload" else max(1, places // 4)
        return coming < max(1, places // 4) and len(self._supervisor.leaving) < leaving_limit

    def _finish(self, result: dict[str, Any]) -> None:
        self._reloading, self._at_once = None, False
        replies, self._replies = self._replies, []
        for reply in replies:
            reply(result)
        self._supervisor.tell("reloaded")
