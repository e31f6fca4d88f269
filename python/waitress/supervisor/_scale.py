"""How many workers: what was configured, what the load asks for, what an operator adds or takes away."""
from __future__ import annotations

import logging

from waitress.supervisor._growth import Growth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from waitress.supervisor._supervisor import Supervisor

logger = logging.getLogger("waitress.supervisor")


class Scale:
    """Adds and removes places of the supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._growth = self._make(supervisor.values)

    def wanted(self) -> int:
        """Workers at the start and after a reload."""
        return min(max(_configured(self._supervisor.values), self._growth.least), self._growth.most)

    def reread(self, before: Mapping[str, Any]) -> bool:
        """The supervisor has new values; whether the number of workers was changed by them."""
        now = self._supervisor.values
        changed = any(_limits(before)[index] != limit for index, limit in enumerate(_limits(now)))
        if changed:
            self._growth = self._make(now)
        return changed

    def fit(self) -> None:
        """As many places as wanted."""
        supervisor = self._supervisor
        while len(supervisor.places) > self.wanted():
            supervisor.remove_place()
        while len(supervisor.places) < self.wanted():
            supervisor.add_place()

    def look(self, busy: float, inside: float, waited: float) -> None:
        """Once a second, with what Growth.look wants to know."""
        places = self._supervisor.places
        if not self._growth.on or any(place.current is None or place.current.state != "ready" for place in places):
            return
        change = self._growth.look(len(places), busy, inside, waited)
        if change > 0 and self._room():
            logger.info("Requests wait, or threads are busy (%.0f %%): a worker more, %d in all", busy * 100, len(places) + 1)
            self._supervisor.add_place()
        elif change < 0:
            logger.info("There is little to do: a worker less, %d in all", len(places) - 1)
            self._supervisor.remove_place()

    def add(self) -> str | None:
        """SIGTTIN or the command. A refusal in words, or None."""
        refusal = self._refusal_to_add()
        if refusal is not None:
            logger.warning("No worker more: %s", refusal)
            return refusal
        self._supervisor.add_place()
        logger.info("A worker more was asked for: %d in all", len(self._supervisor.places))
        return None

    def remove(self) -> str | None:
        """SIGTTOU or the command. A refusal in words, or None."""
        if self._supervisor.state != "serving" or len(self._supervisor.places) < 2:
            logger.warning("No worker less: the last one stays")
            return "the last worker stays"
        self._supervisor.remove_place()
        logger.info("A worker less was asked for: %d in all", len(self._supervisor.places))
        return None

    def _refusal_to_add(self) -> str | None:
        supervisor = self._supervisor
        if supervisor.state != "serving" or supervisor.resting:
            return "the service is not up"
        if supervisor.values["worker_class"] != "process":
            return f"worker class {supervisor.values['worker_class']} has one process; use --worker-class=process"
        return None if self._room() else f"{len(supervisor.places)} workers are the most that this supervisor has room for"

    def _room(self) -> bool:
        # Each place may have a worker that serves and one that comes or goes.
        return (len(self._supervisor.places) + 1) * 2 <= self._supervisor.board.slots

    def _make(self, values: Mapping[str, Any]) -> Growth:
        workers, least, most = _limits(values)
        least = int(least or min(workers, int(most or workers)))
        return Growth(least, int(most or max(workers, least)), self._supervisor.loop.now)


def _configured(values: Mapping[str, Any]) -> int:
    return int(values["workers"]) if values["worker_class"] == "process" else 1


def _limits(values: Mapping[str, Any]) -> tuple[int, Any, Any]:
    return (_configured(values), values["min_workers"], values["max_workers"]) if values["worker_class"] == "process" else (1, 1, 1)
