"""Whether a worker has hung, told from its numbers on the scoreboard alone: it needs no thread of the worker to answer."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.supervisor._board import Slot

# A start (the app's import) may take so many times worker_timeout: large apps import for a minute.
START_PATIENCE = 4


class Health:
    """One worker's. Times in nanoseconds of the scoreboard's clock; a timeout of 0 finds nobody ill."""

    def __init__(self, timeout: float, born: int) -> None:
        self._timeout = int(timeout * 1e9)
        self._born = born
        self._completed = -1
        self._progress = born

    def starting(self, now: int) -> str | None:
        """Why a worker that is not ready yet has hung, or None."""
        if self._timeout and now - self._born > START_PATIENCE * self._timeout:
            return f"it is not ready after {_seconds(now - self._born)}"
        return None

    def serving(self, slot: Slot, now: int) -> str | None:
        """Why a worker that serves has hung, or None."""
        if slot.requests != self._completed:
            self._completed, self._progress = slot.requests, now
        if not self._timeout:
            return None
        if slot.heartbeat and now - slot.heartbeat > self._timeout:
            return f"its engine has not turned for {_seconds(now - slot.heartbeat)}"
        if slot.all_inside and now - slot.all_inside > self._timeout:
            return f"every thread has been inside one request for {_seconds(now - slot.all_inside)}"
        # A long wait alone is overload, and killing would make it worse; a long wait while nothing at all is finished is a hang.
        if slot.oldest and now - slot.oldest > self._timeout and now - self._progress > self._timeout:
            return f"a request has waited for {_seconds(now - slot.oldest)} and none was finished meanwhile"
        return None


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.0f} s"
