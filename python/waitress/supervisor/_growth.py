"""How many workers there should be, between the least and the most: uWSGI's cheaper busyness is the idea.

Growing is quick, since clients wait; shrinking is slow, and slower each time it proved wrong, so that the number never flaps.
"""
from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Of the time that all threads had, the share spent inside the app.
BUSY = 0.75
# With one worker less, the share must still be below this for a shrink.
CALM = 0.5
# A request that has waited this long for a thread counts as "requests wait", in seconds.
WAIT = 0.1
# So many looks in a row must say "more"; a look per second.
LOOKS = 2
# Seconds of calm before a worker is taken away; doubled, up to the longest, when the next growth came within the regret.
SHRINK_AFTER = 30.0
LONGEST_SHRINK_AFTER = 600.0
REGRET = 60.0


class Growth:
    """Asked once a second; answers with +1, -1 or 0."""

    def __init__(self, least: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.least, self.most = least, most
        self._clock = clock
        self._hungry = 0
        self._calm_since: float | None = None
        self._shrunk_at: float | None = None
        self.shrink_after = SHRINK_AFTER

    @property
    def on(self) -> bool:
        return self.least < self.most

    def look(self, workers: int, busy: float, inside: float, waited: float) -> int:
        """``workers`` there are, all of them ready (the caller does not ask while one is starting).

        ``busy``: share of the threads' time spent inside the app since the last look; ``inside``: share of the threads that are
        inside it now, which counts a request that lasts longer than a look; ``waited``: seconds the oldest request has waited.
        """
        now = self._clock()
        if waited >= WAIT or busy >= BUSY:
            self._calm_since = None
            self._hungry += 1
            if self._hungry >= LOOKS and workers < self.most:
                self._hungry = 0
                self._regret(now)
                return 1
            return 0
        self._hungry = 0
        if workers <= self.least or workers <= 1 or max(busy, inside) * workers / (workers - 1) >= CALM:
            self._calm_since = None
            return 0
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < self.shrink_after:
            return 0
        self._calm_since, self._shrunk_at = None, now
        return -1

    def _regret(self, now: float) -> None:
        if self._shrunk_at is None:
            return
        if now - self._shrunk_at <= REGRET:
            self.shrink_after = min(LONGEST_SHRINK_AFTER, self.shrink_after * 2)
        else:
            self.shrink_after = SHRINK_AFTER
        self._shrunk_at = None
