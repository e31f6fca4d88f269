"""What workers say on their channels: that they serve, have failed, want to be replaced, or were told by somebody else to go."""
from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._worker_process import WorkerProcess

logger = logging.getLogger("waitress.supervisor")


class Reports:
    """Takes each message, on the loop's thread, and has the supervisor do what follows from it."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def take(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        supervisor = self._supervisor
        event = message.get("event")
        if event == "ready":
            worker.serving = True
            if supervisor.idle_start is not None:
                supervisor.idle_start.end(worker)
            if supervisor.state == "stopping":
                supervisor.end(worker)
            else:
                worker.ask("ping", lambda result: self._proven(worker, result), seconds=60.0)
        elif event == "failed":
            worker.failure = str(message.get("text"))
        elif event == "broken":
            # Only with --reload: it serves the traceback to everybody who asks, and waits for the next change.
            logger.error("%s", message.get("text"))
        elif event == "recycle":
            supervisor.recycle(worker, str(message.get("reason")))
        elif event == "stopping":
            # Somebody has sent it SIGTERM. When that was the whole group, ours is about to be read: then it is a stop, no loss.
            supervisor.loop.call_later(0.1, lambda: self._leaves(worker))

    def _proven(self, worker: WorkerProcess, result: Any) -> None:
        supervisor = self._supervisor
        place = supervisor.place_of(worker)
        if worker.state != "starting" or place is None or (isinstance(result, dict) and "error" in result):
            return
        worker.state = "ready"
        place.respawn.served()
        if place.incoming is worker:
            old, place.current, place.incoming = place.current, worker, None
            if old is not None:
                supervisor.figures.restarted(old.asked or "reload")
                supervisor.retire(old)
        if supervisor.state == "starting":
            self._begin_service()
        supervisor.replacing.next()

    def _begin_service(self) -> None:
        supervisor = self._supervisor
        supervisor.state = "serving"
        for url in supervisor.binding.urls:
            logger.info("Serving on %s", url)
        logger.info("%s", supervisor.commands.headline())
        supervisor.scale.fit()
        supervisor.tell("ready")

    def _leaves(self, worker: WorkerProcess) -> None:
        """A worker was told by somebody else to go: the others serve on, and its place is filled at once."""
        supervisor = self._supervisor
        place = supervisor.place_of(worker)
        if place is None or supervisor.state == "stopping":
            if supervisor.state == "stopping":
                supervisor.end(worker)
            return
        logger.info("%s got SIGTERM from outside; it finishes its requests, and another takes its place", worker)
        supervisor.figures.restarted("sigterm")
        supervisor.vacate(place, worker)
        supervisor.retire(worker)
        supervisor.fill(place)
