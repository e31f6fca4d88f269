"""Workers that end without being told to, or have to be ended because they hang."""
from __future__ import annotations

import logging
import signal

from waitress import _worker
from waitress.supervisor import _reap, _signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.supervisor._place import Place
    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._worker_process import WorkerProcess

logger = logging.getLogger("waitress.supervisor")

# From the request for stacks to the kill: they are written within milliseconds where the kernel runs the process at all.
STACKS_SECONDS = 1.0
# At the very first start a worker that is killed before it is ready may be bad luck so many times in a row, and no more.
FIRST_TRIES = 3
EXIT_APP = 3


class Losses:
    """Sees to the process that has ended and to its place."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._first_deaths = 0

    def hung(self, worker: WorkerProcess, why: str) -> None:
        """Its stacks to the log, then its end; another takes its place at once."""
        supervisor = self._supervisor
        logger.error("%s has hung: %s. The stacks of its threads follow; then it is killed and replaced", worker, why)
        worker.state = "killed"
        supervisor.figures.restarted("hung")
        worker.kill(_worker.STACKS_SIGNAL)
        worker.patience = supervisor.loop.call_later(STACKS_SECONDS, lambda: worker.kill(signal.SIGKILL))
        place = supervisor.place_of(worker)
        if place is not None and place.current is worker:
            supervisor.vacate(place, worker)
            supervisor.leaving.append(worker)
            if place.idle:
                supervisor.retry(place, place.respawn.died())

    def reap(self) -> None:
        supervisor = self._supervisor
        for pid, status in _reap.ended([worker.pid for worker in supervisor.workers] + supervisor.upgrade.pids):
            worker = next((worker for worker in supervisor.workers if worker.pid == pid), None)
            if worker is None:
                if supervisor.upgrade.reaped(pid, status):
                    supervisor.tell("alone")
                    supervisor.resume()
            else:
                self._ended(worker, status)

    def _ended(self, worker: WorkerProcess, status: int) -> None:
        supervisor = self._supervisor
        expected = worker.state in ("retiring", "stopping", "killed")
        worker.requests = supervisor.board.read(worker.slot).requests
        worker.gone(status)
        supervisor.board.end(worker.slot)
        supervisor.figures.end(worker.slot)
        supervisor.launch.wake_all()
        place = supervisor.place_of(worker)
        if worker in supervisor.leaving:
            supervisor.leaving.remove(worker)
        what = f"{_signals.describe(status)} after {worker.age:.0f} s and {worker.requests} requests"
        if worker.failure is not None:
            what = "could not start"
        if supervisor.state == "stopping":
            if not expected or status != 0:
                logger.log(logging.WARNING if worker.serving else logging.INFO, "%s %s", worker, what)
            supervisor.ending.look()
            return
        if place is None:
            logger.info("%s %s", worker, what)
        elif place.incoming is worker:
            place.incoming = None
            _show_failure(worker)
            supervisor.replacing.failed(worker, place, what + _last_words(worker))
        else:
            supervisor.vacate(place, worker)
            self._died(worker, place, what, by_signal=status & 0x7F != 0)
        if supervisor.state != "stopping":
            supervisor.replacing.next()

    def _died(self, worker: WorkerProcess, place: Place, what: str, by_signal: bool) -> None:
        supervisor = self._supervisor
        if supervisor.state == "starting":
            self._first_deaths += 1
            if not by_signal or self._first_deaths >= FIRST_TRIES:
                supervisor.failure = worker.failure or f"The first worker {what} before it was ready{_last_words(worker)}"
                supervisor.exit_code = EXIT_APP
                supervisor.ending.begin(quick=True)
                return
        _show_failure(worker)
        supervisor.figures.restarted("signal" if by_signal else "start_failed" if worker.failure is not None else "exit")
        pause = place.respawn.died()
        logger.error("%s %s; it is replaced %s%s", worker, what, f"in {pause:.1f} s" if pause else "at once", _last_words(worker))
        if place.idle:
            if pause:
                supervisor.retry(place, pause)
            else:
                supervisor.start_in(place)


def _show_failure(worker: WorkerProcess) -> None:
    if worker.failure is not None:
        logger.error("%s", worker.failure)


def _last_words(worker: WorkerProcess) -> str:
    words = [] if worker.failure is not None else list(worker.errors.last_words)[-3:]
    return "; its last words: " + " | ".join(words) if words else ""
