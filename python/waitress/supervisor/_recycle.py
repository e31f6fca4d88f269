"""When a healthy worker has served long enough: by requests, by time, by memory. Each worker draws its own limits, so that they don't go together."""
from __future__ import annotations

import os
import random
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

# max_lifetime is stretched by up to a tenth.
LIFETIME_JITTER = 0.1
# Memory is looked at this often, and must be over the limit this often in a row: a large answer that is being made is no leak.
MEMORY_SECONDS = 2.0
MEMORY_SAMPLES = 3


class Recycling:
    """The limits of one worker, drawn when it is started; 0 is no limit."""

    def __init__(
        self, values: Mapping[str, Any], clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self.max_requests = int(values["max_requests"])
        if self.max_requests:
            self.max_requests += int(draw() * (int(values["max_requests_jitter"]) + 1))
        lifetime = float(values["max_lifetime"])
        self._dies_at = clock() + lifetime * (1.0 + LIFETIME_JITTER * draw()) if lifetime else None
        self._max_memory = int(values["max_memory"])
        self._over = 0
        self._next_sample = clock() + MEMORY_SECONDS

    def reason(self, requests: int, memory: Callable[[], int | None]) -> str | None:
        """Why the worker is to be replaced, or None. ``memory`` is called when a sample is due only."""
        if self.max_requests and requests >= self.max_requests:
            return f"it has served {requests} requests (max_requests)"
        now = self._clock()
        if self._dies_at is not None and now >= self._dies_at:
            return "it has lived long enough (max_lifetime)"
        if self._max_memory and now >= self._next_sample:
            self._next_sample = now + MEMORY_SECONDS
            resident = memory() or 0
            self._over = self._over + 1 if resident > self._max_memory else 0
            if self._over >= MEMORY_SAMPLES:
                return f"it holds {resident >> 20} MiB (max_memory is {self._max_memory >> 20} MiB)"
        return None


def resident(pid: int) -> int | None:
    """Bytes of ``pid``'s resident memory; None where the system does not tell (only Linux has /proc/PID/statm)."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def can_measure() -> bool:
    return resident(os.getpid()) is not None
