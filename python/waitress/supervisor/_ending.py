"""The end of the service: graceful, quick, or at once."""
from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.supervisor._supervisor import Supervisor

logger = logging.getLogger("waitress.supervisor")

# A quick stop waits for no request, only for the processes' own ends.
QUIT_SECONDS = 5.0


class Ending:
    """begin() once; a second wish to stop ends at once."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.at_once = False

    def stop(self) -> None:
        if self._supervisor.state == "stopping":
            self._now()
            return
        logger.info("Stopping: requests in flight are finished; a second signal ends at once")
        self.begin(quick=False)

    def quit(self) -> None:
        if self._supervisor.state == "stopping":
            self._now()
            return
        logger.info("Stopping at once: connections are closed")
        self.begin(quick=True)

    def begin(self, quick: bool) -> None:
        supervisor = self._supervisor
        supervisor.state = "stopping"
        supervisor.tell("stopping")
        supervisor.replacing.give_up()
        # Ours first: from now on the last worker to close a socket ends it for the clients, and a unix socket's file is gone at once.
        supervisor.binding.close(not supervisor.upgrade.shared)
        workers = supervisor.workers
        for place in supervisor.places:
            if place.retry is not None:
                place.retry.cancel()
        supervisor.places.clear()
        supervisor.leaving[:] = workers
        for worker in workers:
            if quick:
                supervisor.quit_worker(worker, QUIT_SECONDS)
            else:
                supervisor.end(worker)
        self.look()

    def look(self) -> None:
        """A worker less: was it the last?"""
        if not self._supervisor.workers:
            self._supervisor.loop.stop()

    def _now(self) -> None:
        self.at_once = True
        self._supervisor.loop.stop()
