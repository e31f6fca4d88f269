"""The metrics' side of the supervisor: a board in shared memory on which every worker counts, and the admin address that tells of it.

The engine's side is src/Waitress/Metrics; it makes the layout, so nothing here knows a place. The board is there always, the address only
with ``--admin-listen``, and its requests are answered by threads of the engine: this one is told of them only where a worker has to be asked.
"""
from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import contextmanager

from waitress.supervisor import _board

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from waitress.supervisor._commands import Reply
    from waitress.supervisor._loop import Loop
    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._upgrade import Inherited
    from waitress.supervisor._worker_process import WorkerProcess

SECONDS = 1.0
# Less than the engine waits for its answer, so that those who have answered are told of.
ANSWER_SECONDS = 1.5


class Figures:
    """``inherited`` is what an older supervisor left. OSError with one line when the address can't be had."""

    def __init__(
        self, loop: Loop, make: Any, slots: int, admin_listen: str | None, inherited: Inherited, app: str, urls: list[str]
    ) -> None:  # fmt: skip
        self.fd = _board.memory("waitress-metrics")
        self._admin_listen, self._inherited = admin_listen, inherited
        self._loop = loop
        self._wake, self._wake_end = socket.socketpair()
        for end in (self._wake, self._wake_end):
            end.setblocking(False)
        loop.add_reader(self._wake.fileno(), self._woken)
        self._native = make(self.fd, slots, self._wake_end.fileno(), self._taken(inherited), app, urls)
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

    def follow(self, supervisor: Supervisor) -> None:
        """Tell what the service is doing, as it changes, and how many workers there should be, once a second; and answer on the admin address
        from now on. Where an older supervisor answers there: when this one serves, and that one hears of it."""
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
        if self._inherited.admin:
            self._native.rest(True)
            supervisor.observe("ready", self._take_over)
        supervisor.observe("alone", lambda: self._native.rest(False))
        self._native.start()
        self._woken()

    @contextmanager
    def handing_over(self) -> Iterator[dict[str, Any]]:
        """What a second supervisor is to be told, which is started in this scope: it answers on the admin address as soon as it serves, and
        this one as long as it does not, and again when that one has ended."""
        if not self.descriptors:
            yield {}
            return
        reading, writing = os.pipe()
        self._loop.add_reader(reading, lambda: self._handed_over(reading))
        try:
            yield {"admin": self.descriptors, "admin_listen": self._admin_listen, "ready": writing}
        finally:
            os.close(writing)

    def _handed_over(self, reading: int) -> None:
        if os.read(reading, 1):
            self._native.rest(True)
        self._loop.remove_reader(reading)
        os.close(reading)

    def _take_over(self) -> None:
        self._native.rest(False)
        if self._inherited.ready >= 0:
            try:
                os.write(self._inherited.ready, b"\1")
            except OSError:
                pass  # the other one has ended
            os.close(self._inherited.ready)

    def _taken(self, inherited: Inherited) -> list[int]:
        if inherited.admin and inherited.admin_listen == self._admin_listen:
            return inherited.admin
        for fd in inherited.admin:
            os.close(fd)
        self._inherited = inherited._replace(admin=[])
        return []

    def close(self, unlink: bool) -> None:
        self._loop.remove_reader(self._wake.fileno())
        self._native.close(unlink)
        self._log()  # what the last export had to say
        self._wake.close()
        self._wake_end.close()

    def _woken(self) -> None:
        try:
            while self._wake.recv(4096):
                pass
        except BlockingIOError:
            pass
        self._log()
        for number, what, slot, request in self._native.questions():
            if what == "activity":
                self._ask_all(lambda reports, number=number: self._native.answer(number, reports))
            else:
                # An answer that is an error is none: then whoever asks waits for its time and says so.
                self._ask_one(slot, request, lambda text, number=number: None if isinstance(text, dict) else self._native.answer(number, text))

    def _log(self) -> None:
        for name, level, message in self._native.events():
            logging.getLogger(name).log(level, "%s", message)

    def status(self, reply: Reply) -> None:
        """What /status.json says, on the admin address or without one."""
        self._ask_all(lambda reports: reply(json.loads(self._native.status(reports))))

    def stack(self, slot: int, request: int, reply: Reply) -> None:
        """The Python stack of the thread that has the request; None when it has ended, or none has it."""
        self._ask_one(slot, request, lambda text: reply(text if isinstance(text, dict) else {"stack": text}))

    def _ask_all(self, take: Callable[[str], object]) -> None:
        """``take`` gets a JSON array of [slot, report], null in place of what did not come in time."""
        workers = [worker for worker in self._workers() if worker.serving]
        reports: list[list[Any]] = []

        def add(slot: int, report: Any) -> None:
            reports.append([slot, report if isinstance(report, str) else None])
            if len(reports) == len(workers):
                take(json.dumps(reports))

        for worker in workers:
            worker.ask("activity", lambda report, slot=worker.slot: add(slot, report), ANSWER_SECONDS)
        if not workers:
            take("[]")

    def _ask_one(self, slot: int, request: int, take: Callable[[Any], object]) -> None:
        worker = next((worker for worker in self._workers() if worker.serving and worker.slot == slot), None)
        if worker is None:
            take(None)
        else:
            worker.ask("stack", take, ANSWER_SECONDS, request=request)

    def _workers(self) -> list[WorkerProcess]:
        return self._supervisor.workers if self._supervisor is not None else []


class NoFigures:
    """Stands in where nobody counts."""

    def begin(self, slot: int, pid: int, name: str, generation: int) -> None: ...

    def state(self, slot: int, state: str) -> None: ...

    def end(self, slot: int) -> None: ...

    def restarted(self, reason: str) -> None: ...

    def status(self, reply: Reply) -> None:
        reply({"error": "Nobody counts here"})

    def stack(self, slot: int, request: int, reply: Reply) -> None:
        reply({"stack": None})

    @contextmanager
    def handing_over(self) -> Iterator[dict[str, Any]]:
        yield {}
