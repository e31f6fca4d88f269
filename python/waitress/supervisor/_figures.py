"""The metrics' side of the supervisor: a board in shared memory on which every worker counts, and the admin address that tells of it.

The engine's side is src/Waitress/Metrics; it makes the layout, so nothing here knows a place. The board is there always, the address only
with ``--admin-listen``, and its requests are answered by threads of the engine: this one is told of them only where a worker has to be asked.
"""
from __future__ import annotations

import json
import logging
import socket

from waitress.supervisor import _board

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from waitress.supervisor._loop import Loop
    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._worker_process import WorkerProcess

SECONDS = 1.0
# Less than the engine waits for its answer, so that those who have answered are told of.
ANSWER_SECONDS = 1.5


class Figures:
    """``inherited`` are the admin's sockets of an older supervisor. OSError with one line when the address can't be had."""

    def __init__(self, loop: Loop, make: Any, slots: int, inherited: list[int], app: str, urls: list[str]) -> None:
        self.fd = _board.memory("waitress-metrics")
        self._loop = loop
        self._wake, self._wake_end = socket.socketpair()
        for end in (self._wake, self._wake_end):
            end.setblocking(False)
        loop.add_reader(self._wake.fileno(), self._woken)
        self._native = make(self.fd, slots, self._wake_end.fileno(), inherited, app, urls)
        self._supervisor: Supervisor | None = None
        self.descriptors: list[int] = list(self._native.descriptors)
        self.listen: list[list[str]] = [list(each) for each in self._native.listen]

    def begin(self, slot: int, pid: int, name: str, generation: int) -> None:
        self._native.begin(slot, pid, int(name), generation)

    def state(self, slot: int, state: str) -> None:
        self._native.state(slot, state)

    def end(self, slot: int) -> None:
        """The worker is gone; what it has counted is kept."""
        self._native.end(slot)

    def restarted(self, reason: str) -> None:
        """A worker was or will be replaced. The first name of the metric's reasons that is in ``reason`` counts."""
        self._native.restarted(reason)

    def start(self) -> None:
        """Answer on the admin address from now on."""
        self._native.start()
        self._woken()

    def rest(self, resting: bool) -> None:
        """Leave the address to another supervisor that has its sockets too, or come back to it."""
        self._native.rest(resting)

    def follow(self, supervisor: Supervisor) -> None:
        """Tell what the service is doing, as it changes; how many workers there should be, once a second."""
        def tell() -> None:
            state = "reloading" if supervisor.replacing.reloading and supervisor.state == "serving" else supervisor.state
            self._native.service(state, len(supervisor.places), supervisor.generation)

        def turn() -> None:
            tell()
            self._loop.call_later(SECONDS, turn)

        self._supervisor = supervisor
        for event in ("ready", "reloading", "reloaded", "stopping"):
            supervisor.observe(event, tell)
        turn()

    def close(self, unlink: bool) -> None:
        self._loop.remove_reader(self._wake.fileno())
        self._native.close(unlink)
        self._wake.close()
        self._wake_end.close()

    def _woken(self) -> None:
        try:
            while self._wake.recv(4096):
                pass
        except BlockingIOError:
            pass
        for name, level, message in self._native.events():
            logging.getLogger(name).log(level, "%s", message)
        for number, what, slot, request in self._native.questions():
            workers = [worker for worker in self._supervisor.workers if worker.serving] if self._supervisor is not None else []
            if what == "activity":
                self._ask_all(number, workers)
            else:
                self._ask_one(number, next((worker for worker in workers if worker.slot == slot), None), request)

    def _ask_all(self, number: int, workers: list[WorkerProcess]) -> None:
        reports: list[list[Any]] = []

        def take(slot: int, report: Any) -> None:
            reports.append([slot, report if isinstance(report, str) else None])
            if len(reports) == len(workers):
                self._native.answer(number, json.dumps(reports))

        for worker in workers:
            worker.ask("activity", lambda report, slot=worker.slot: take(slot, report), ANSWER_SECONDS)
        if not workers:
            self._native.answer(number, "[]")

    def _ask_one(self, number: int, worker: WorkerProcess | None, request: int) -> None:
        if worker is None:
            self._native.answer(number, None)
        else:
            # An answer that is an error is none: then whoever asks waits for its time and says so.
            worker.ask("stack", lambda text: None if isinstance(text, dict) else self._native.answer(number, text), ANSWER_SECONDS, request=request)


class NoFigures:
    """Stands in where nobody counts."""

    def begin(self, slot: int, pid: int, name: str, generation: int) -> None: ...

    def state(self, slot: int, state: str) -> None: ...

    def end(self, slot: int) -> None: ...

    def restarted(self, reason: str) -> None: ...
