"""One thread that waits for everything: descriptors, times and signals, by the selectors of the standard library."""
from __future__ import annotations

import heapq
import itertools
import logging
import os
import selectors
import signal
import socket
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger("waitress.supervisor")


class Timer:
    """What call_later() gives back."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    @property
    def pending(self) -> bool:
        return self._callback is not None

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> Callable[[], object] | None:
        callback, self._callback = self._callback, None
        return callback


class Loop:
    """Calls back, in the thread that runs it. An exception of a callback is logged and ends nothing but that call.

    Callbacks must not wait: as long as one runs, no worker is watched.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._running = True
        self._wake, self._wake_end = socket.socketpair()
        self._previous: list[tuple[int, object]] = []
        self._previous_wake: int | None = None
        self._on_signal: Callable[[int], object] = lambda number: None
        for end in (self._wake, self._wake_end):
            end.setblocking(False)
        self.add_reader(self._wake.fileno(), self._read_signals)

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return self._clock()

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        """Call ``callback`` whenever ``fd`` has something to read, its end included; replaces an earlier callback."""
        self.remove_reader(fd)
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def remove_reader(self, fd: int) -> None:
        """Before ``fd`` is closed. Unknown ones are ignored."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` once, not before ``seconds`` have passed."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (self._clock() + seconds, next(self._order), timer))
        return timer

    def claim_signals(self, numbers: Iterable[int], callback: Callable[[int], object]) -> None:
        """Call ``callback`` with the number of each signal that arrives; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("A supervisor needs the main thread, since only there Python receives signals")
        self._on_signal = callback
        # The C-level handler writes the number at once; the Python-level one only has to exist.
        self._previous_wake = signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            self._previous.append((number, signal.signal(number, _noticed)))

    def release_signals(self) -> None:
        """Every signal means again what it meant before claim_signals()."""
        while self._previous:
            number, handler = self._previous.pop()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]
        if self._previous_wake is not None:
            signal.set_wakeup_fd(self._previous_wake)
            self._previous_wake = None

    def run(self) -> None:
        """Until stop()."""
        while self._running:
            self.turn(None)

    def stop(self) -> None:
        self._running = False

    def stop_from_outside(self) -> None:
        """stop(), from another thread."""
        self._running = False
        try:
            self._wake_end.send(b"\0")  # the number of no signal
        except BlockingIOError:
            pass  # full: it wakes anyway

    def turn(self, longest: float | None) -> None:
        """Wait for the next thing to do, at most ``longest`` seconds (None: as long as it takes), and do it."""
        while self._timers and not self._timers[0][2].pending:
            heapq.heappop(self._timers)
        wait = longest
        if self._timers:
            until = max(0.0, self._timers[0][0] - self._clock())
            wait = until if longest is None else min(longest, until)
        for key, _ in self._selector.select(wait):
            # An earlier callback of this turn may have removed it, and the number may be another file's by now.
            if self._selector.get_map().get(key.fd) is key:
                self._call(key.data)
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            callback = heapq.heappop(self._timers)[2].fire()
            if callback is not None:
                self._call(callback)

    def close(self) -> None:
        self.release_signals()
        self._selector.close()
        self._wake.close()
        self._wake_end.close()

    def _read_signals(self) -> None:
        try:
            numbers = os.read(self._wake.fileno(), 4096)
        except BlockingIOError:
            return
        for number in numbers:
            self._on_signal(number)

    @staticmethod
    def _call(callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:
            logger.exception("The supervisor met a fault of its own, and goes on")


def _noticed(number: int, frame: object) -> None:
    pass
