"""The look at every worker, once a second: figures, health, recycling, and what the load asks for."""
from __future__ import annotations

import time

from waitress.supervisor import _recycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.supervisor._board import Slot
    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._worker_process import WorkerProcess

SECONDS = 1.0
# A look that comes so much later than planned means that the whole machine, or we, stood still: the workers did as well, and get
# the same time to show that they turn again.
LATE_SECONDS = 5.0


class Look:
    """Begins with the supervisor and goes on until it stops."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._last = supervisor.loop.now()
        self._patient_until = self._last
        supervisor.loop.call_later(SECONDS, self._turn)

    def _turn(self) -> None:
        supervisor = self._supervisor
        supervisor.loop.call_later(SECONDS, self._turn)
        supervisor.reap()  # signals of one kind that come together are one signal
        now = supervisor.loop.now()
        elapsed, self._last = now - self._last, now
        if elapsed > SECONDS + LATE_SECONDS:
            self._patient_until = now + LATE_SECONDS
        if supervisor.state == "stopping":
            return
        busy = inside = threads = 0.0
        waited = 0
        for worker in supervisor.workers:
            worker.send()
            slot = supervisor.board.read(worker.slot)
            worker.requests = slot.requests
            stamp = time.monotonic_ns()
            if worker.state == "ready":
                busy += worker.spent(slot.app_time, elapsed, slot.threads) * slot.threads
                inside += slot.inside
                threads += slot.threads
                waited = max(waited, stamp - slot.oldest if slot.oldest else 0)
            if now >= self._patient_until:
                self._judge(worker, slot, stamp)
        supervisor.replacing.next()
        if threads and now >= self._patient_until:
            supervisor.scale.look(busy / threads, inside / threads, waited / 1e9)

    def _judge(self, worker: WorkerProcess, slot: Slot, stamp: int) -> None:
        ill = None
        if worker.state == "starting":
            ill = worker.health.starting(stamp)
        elif worker.state == "ready":
            ill = worker.health.serving(slot, stamp)
        if ill is not None:
            self._supervisor.losses.hung(worker, ill)
        elif worker.state == "ready":
            reason = worker.recycling.reason(slot.requests, lambda: _recycle.resident(worker.pid))
            if reason is not None:
                self._supervisor.recycle(worker, reason)
