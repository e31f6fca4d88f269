"""How long to wait before a worker that died is replaced: not at all, unless it dies again and again."""
from __future__ import annotations

import random
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# A worker that served this long is healthy: what it dies of later is a new story.
HEALTHY_SECONDS = 10.0
# So many early deaths in a row are replaced at once: an operator's kill, or a request that crashes it, is no reason to serve less.
AT_ONCE = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Respawn:
    """Counts the early deaths in a row of one place. A worker that fails to start pauses from the first time on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._draw = draw
        self._early = 0
        self._served_since: float | None = None

    def served(self) -> None:
        """The worker is ready."""
        self._served_since = self._clock()

    def died(self) -> float:
        """The worker is gone; the seconds to wait before the next one is started."""
        since, self._served_since = self._served_since, None
        if since is None:
            return self.failed()
        self._early = 1 if self._clock() - since >= HEALTHY_SECONDS else self._early + 1
        return self._pause()

    def failed(self) -> float:
        """A worker did not even get ready, be it in place of one that died or of one that still serves; the seconds to wait."""
        self._early = max(self._early + 1, AT_ONCE + 1)
        return self._pause()

    def _pause(self) -> float:
        if self._early <= AT_ONCE:
            return 0.0
        # Jitter to either side: places that failed together do not retry together.
        exponent = min(self._early - AT_ONCE - 1, 16)
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**exponent) * (0.8 + 0.4 * self._draw())
