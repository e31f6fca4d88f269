"""One worker as the supervisor sees it: its process, its control channel, its standard error, its slot and its state."""
from __future__ import annotations

import os
import signal

from waitress import _channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from waitress.supervisor._health import Health
    from waitress.supervisor._launch import Started
    from waitress.supervisor._loop import Loop, Timer
    from waitress.supervisor._output import ErrorPipe
    from waitress.supervisor._recycle import Recycling

# Bytes that a worker has not read: far above what commands add up to, so it is one that reads no more.
MOST_UNSENT = 64 * 1024
ASK_SECONDS = 5.0


class WorkerProcess:
    """States: "starting" (the app is being imported), "ready", "retiring" (finishes its requests while others go on), "stopping" (as
    the service ends), "killed", "gone". ``on_event`` gets every message but replies, ``on_state`` slot and state at every change."""

    def __init__(
        self, loop: Loop, started: Started, errors: ErrorPipe, name: str, slot: int, generation: int,
        recycling: Recycling, health: Health, on_event: Callable[[WorkerProcess, dict[str, Any]], None],
        on_state: Callable[[int, str], object] = lambda slot, state: None,
    ) -> None:  # fmt: skip
        self.name, self.slot, self.generation = name, slot, generation
        self.recycling, self.health = recycling, health
        self.pid = started.pid
        self._on_state = on_state
        self.state = "starting"
        self.serving = False  # it has said that it serves; "ready" once it has answered as well
        self.born = loop.now()
        self.failure: str | None = None  # why it could not start, in its own words
        self.asked: str | None = None  # why it wants to be, or is to be, replaced
        self.busy = 0.0  # share of its threads' time spent inside the app, at the last look
        self.requests = 0
        self.patience: Timer | None = None  # until it is killed
        self.errors = errors
        self._loop = loop
        self._popen = started.popen
        self._control = started.control
        self._on_event = on_event
        self._lines = _channel.Lines()
        self._unsent = bytearray()
        self._asked: dict[int, tuple[Callable[[Any], object], Timer]] = {}
        self._number = 0
        self._app_time = 0
        loop.add_reader(self._control.fileno(), self.read)

    def __str__(self) -> str:
        return f"Worker {self.name} (pid {self.pid})"

    @property
    def state(self) -> str:
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self._on_state(self.slot, state)

    @property
    def age(self) -> float:
        return self._loop.now() - self.born

    def spent(self, app_time: int, elapsed: float, threads: int) -> float:
        """Note what the scoreboard says was spent inside the app, in nanoseconds in all; gives ``busy`` of the time since the last note."""
        before, self._app_time = self._app_time, app_time
        self.busy = min(1.0, max(0.0, (app_time - before) / 1e9 / (elapsed * threads))) if elapsed > 0 and threads else 0.0
        return self.busy

    def tell(self, command: str, **more: Any) -> bool:
        """False when the worker can't be told: it reads no more, or is gone."""
        if self.state == "gone" or self._control.fileno() < 0 or len(self._unsent) > MOST_UNSENT:
            return False
        self._unsent += _channel.encode({"command": command, **more})
        self.send()
        return True

    def send(self) -> None:
        """What waits to be sent; tried again by the supervisor's tick."""
        while self._unsent:
            try:
                sent = self._control.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
                return
            del self._unsent[:sent]

    def ask(self, command: str, reply: Callable[[Any], object], seconds: float = ASK_SECONDS, **more: Any) -> None:
        """``reply`` gets the result, or {"error": text} when none came; exactly once."""
        self._number += 1
        number = self._number
        timer = self._loop.call_later(seconds, lambda: self._answer(number, {"error": f"no answer within {seconds:g} s"}))
        self._asked[number] = (reply, timer)
        if not self.tell(command, id=number, **more):
            self._answer(number, {"error": "the worker can't be reached"})

    def kill(self, number: int) -> None:
        """A signal, while the process is still ours: a pid that was reaped may be another's."""
        if self.state != "gone":
            try:
                os.kill(self.pid, number)
            except OSError:  # EPERM: it has become another user's; ESRCH can't be, it was not reaped
                pass

    def end_at_once(self) -> None:
        self.state = "killed" if self.state != "gone" else self.state
        self.kill(signal.SIGKILL)

    def read(self) -> None:
        """Messages that have arrived."""
        while self._control.fileno() >= 0:
            try:
                data = self._control.recv(256 * 1024)
                messages = self._lines.feed(data)
            except BlockingIOError:
                return
            except (OSError, ValueError):
                data, messages = b"", []
            for message in messages:
                if message.get("event") == "reply":
                    self._answer(message.get("id"), message.get("result"))
                else:
                    self._on_event(self, message)
            if not data:
                self._close_control()

    def gone(self, status: int) -> None:
        """The process was reaped; what it said before is read."""
        self.read()
        self.errors.read()
        self.state = "gone"
        self._popen.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for a pid that may be another's
        if self.patience is not None:
            self.patience.cancel()
        self._close_control()
        for number in list(self._asked):
            self._answer(number, {"error": "the worker has ended"})

    def _answer(self, number: Any, result: Any) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            asked[1].cancel()
            asked[0](result)

    def _close_control(self) -> None:
        if self._control.fileno() >= 0:
            self._loop.remove_reader(self._control.fileno())
            self._control.close()
