"""The supervisor: keeps as many workers as there should be, replaces those that die, hang or have served long enough, and obeys signals."""
from __future__ import annotations

import itertools
import logging
import signal
import time

from waitress.supervisor import _health, _recycle, _signals
from waitress.supervisor._commands import Commands
from waitress.supervisor._ending import Ending
from waitress.supervisor._figures import NoFigures
from waitress.supervisor._look import Look
from waitress.supervisor._losses import Losses
from waitress.supervisor._output import ErrorPipe
from waitress.supervisor._place import Place
from waitress.supervisor._replacing import Replacing
from waitress.supervisor._reports import Reports
from waitress.supervisor._respawn import Respawn
from waitress.supervisor._scale import Scale
from waitress.supervisor._worker_process import WorkerProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from waitress.supervisor._board import Board
    from waitress.supervisor._figures import Figures
    from waitress.supervisor._idle_start import IdleStart
    from waitress.supervisor._launch import Launch
    from waitress.supervisor._loop import Loop
    from waitress.supervisor._output import Output
    from waitress.supervisor._upgrade import Upgrade

logger = logging.getLogger("waitress.supervisor")

# No slot is free: earlier workers still finish long requests.
SLOT_SECONDS = 1.0
# After graceful_timeout a worker joins its threads (5 s, waitress.server.JOIN_SECONDS) and leaves; then it is killed.
MARGIN_SECONDS = 7.0


class Supervisor:
    """Everything happens on the loop's thread. Other parts use ``loop``, command(), status(), values and observe()."""

    def __init__(
        self, loop: Loop, binding: Any, board: Board, launch: Launch, output: Output, values: Mapping[str, Any],
        reread: Callable[[], tuple[Mapping[str, Any], list[str]]], upgrade: Upgrade, figures: Figures | NoFigures | None = None,
        idle_start: IdleStart | None = None,
    ) -> None:  # fmt: skip
        self.figures = figures or NoFigures()
        self.idle_start = idle_start
        self.loop, self.binding, self.board, self.values = loop, binding, board, values
        self.places: list[Place] = []
        self.leaving: list[WorkerProcess] = []
        self.generation = 1
        self.exit_code = 0
        self.failure: str | None = None  # why there is no service, when exit_code is not 0
        self.state = "starting"  # then "serving", "stopping"
        self.started = loop.now()
        self.replacing = Replacing(self)
        self.scale = Scale(self)
        self.ending = Ending(self)
        self.losses = Losses(self)
        self.commands = Commands(self)
        self._reports = Reports(self)
        self.upgrade = upgrade
        self.launch, self._output, self._reread = launch, output, reread
        self._names = itertools.count(1)
        self._observers: dict[str, list[Callable[[], object]]] = {}
        self.last_signal = int(signal.SIGTERM)
        self.resting = False  # SIGWINCH: another supervisor's workers serve

    # What other parts use.

    def observe(self, event: str, callback: Callable[[], object]) -> None:
        """Call back on "ready" (the first worker serves), "reloading", "reloaded", "stopping", "alone" (the second supervisor has ended)."""
        self._observers.setdefault(event, []).append(callback)

    def tell(self, event: str) -> None:
        for callback in self._observers.get(event, ()):
            callback()

    def command(self, name: str, arguments: Mapping[str, Any], reply: Callable[[dict[str, Any]], object]) -> None:
        """status, workers, add, remove, reload, stacks, gc, stop. ``reply`` is called once, now or later; {"error": text} is a refusal."""
        self.commands.run(name, arguments, reply)

    def status(self) -> dict[str, Any]:
        """Plain figures of the service and of each worker."""
        return self.commands.status()

    @property
    def output_full(self) -> bool:
        """Nobody reads our standard error, so workers wait in their writes."""
        return self._output.full

    @property
    def workers(self) -> list[WorkerProcess]:
        return [worker for place in self.places for worker in place.workers] + self.leaving

    # The run.

    def run(self) -> int:
        """Until the service has ended; the exit code."""
        self.loop.claim_signals(_signals.by_number(), self._signalled)
        try:
            # One alone at first: if the app can't be imported, that is said once, and the first answer has the processors for itself.
            self.add_place()
            Look(self)
            self.loop.run()
        finally:
            for worker in self.workers:
                worker.end_at_once()
            self._output.flush()
            self.loop.release_signals()
        return self.exit_code

    def _signalled(self, number: int) -> None:
        row = _signals.by_number().get(number)
        if row is not None:
            self.last_signal = number
            getattr(self, row.action)()

    def add_place(self) -> None:
        place = Place(Respawn(self.loop.now))
        self.places.append(place)
        self.start_in(place)

    def start_in(self, place: Place, incoming: bool = False) -> None:
        """Start a worker for ``place``; ``incoming``: beside the one that is there, to take over from it."""
        if self.state == "stopping" or place not in self.places:
            return
        taken = {worker.slot for worker in self.workers}
        slot = next((slot for slot in range(self.board.slots) if slot not in taken), None)
        if slot is None:
            # Earlier workers still finish long requests. One of them will leave.
            if not incoming:
                self.retry(place, SLOT_SECONDS)
            return
        name = str(next(self._names))
        recycling = _recycle.Recycling(self.values, self.loop.now)
        self.board.begin(slot)
        # A reload may bring a log file's new place, so its workers judge it; if they refuse, the old ones stay.
        again = self.state != "starting" and not self.replacing.reloading
        try:
            started = self.launch.start(slot, name, self.generation, recycling.max_requests, again)
        except OSError as error:
            self.board.end(slot)
            pause = place.respawn.failed()
            logger.error("Worker %s can't be started: %s; the next try is in %.1f s", name, error, pause)
            if incoming:
                place.not_before = self.loop.now() + pause
            else:
                self.retry(place, pause)
            return
        self.board.name(slot, started.pid)
        self.figures.begin(slot, started.pid, name, self.generation)
        errors = ErrorPipe(self.loop, self._output, started.errors)
        health = _health.Health(float(self.values["worker_timeout"]), time.monotonic_ns())
        worker = WorkerProcess(self.loop, started, errors, name, slot, self.generation, recycling, health, self._reports.take, self.figures.state)
        if incoming:
            place.incoming = worker
            if self.idle_start is not None and not self.values["reload"]:
                self.idle_start.begin(worker)
        else:
            place.current = worker

    def retry(self, place: Place, pause: float) -> None:
        place.retry = self.loop.call_later(pause, lambda: self.fill(place))

    def fill(self, place: Place) -> None:
        if place.idle:
            self.start_in(place)

    # Of single workers.

    def recycle(self, worker: WorkerProcess, reason: str) -> None:
        if worker.asked is None and worker.state in ("starting", "ready"):
            worker.asked = reason
            self.replacing.next()

    def place_of(self, worker: WorkerProcess) -> Place | None:
        return next((place for place in self.places if worker in place.workers), None)

    def vacate(self, place: Place, worker: WorkerProcess) -> None:
        if place.incoming is worker:
            place.incoming = None
        elif place.current is worker:
            # The one that was to take over is the one that is there now.
            place.current, place.incoming = place.incoming, None

    # How workers end.

    def retire(self, worker: WorkerProcess) -> None:
        """The others go on serving: it accepts no more, finishes what it has, and is killed when it takes too long."""
        # A developer's browser must not ask old code once more on a connection that it keeps open.
        self._go(worker, "retiring", "stop" if self.values["reload"] else "retire")

    def drop(self, place: Place, worker: WorkerProcess) -> None:
        """At once: it is still starting, and nobody needs it any more."""
        self.vacate(place, worker)
        self.leaving.append(worker)
        worker.end_at_once()

    def end(self, worker: WorkerProcess) -> None:
        # While another supervisor serves the same sockets, what waits in the kernel is not for us to take in or to drop.
        self._go(worker, "stopping", "retire" if self.upgrade.shared else "stop")

    def quit_worker(self, worker: WorkerProcess, seconds: float) -> None:
        """Its connections are closed at once; it has ``seconds`` for the ends of its own."""
        self._go(worker, "stopping", "quit", seconds)

    def _go(self, worker: WorkerProcess, state: str, command: str, seconds: float | None = None) -> None:
        if worker.state in ("killed", "gone") or (worker.state in ("retiring", "stopping") and seconds is None):
            return
        worker.state = state
        if worker not in self.leaving:
            self.leaving.append(worker)
        if not (worker.serving and worker.tell(command)):
            worker.kill(signal.SIGTERM)  # still importing the app: nothing to finish
        if worker.patience is not None:
            worker.patience.cancel()
        patience = float(self.values["graceful_timeout"]) + MARGIN_SECONDS if seconds is None else seconds
        worker.patience = self.loop.call_later(patience, lambda: self._too_late(worker))

    def reap(self) -> None:
        """SIGCHLD: see to every process that has ended."""
        self.losses.reap()

    def _too_late(self, worker: WorkerProcess) -> None:
        logger.warning("%s has not left in time and is killed", worker)
        worker.end_at_once()

    def remove_place(self) -> None:
        place = self.places.pop()
        if place.retry is not None:
            place.retry.cancel()
        for worker in place.workers:
            self.retire(worker)
        self.replacing.next()

    # Signals and commands; each name is an action of the table in _signals.

    def add(self) -> str | None:
        return self.scale.add()

    def remove(self) -> str | None:
        return self.scale.remove()

    def reload(self, reply: Callable[[dict[str, Any]], object] = lambda result: None, at_once: bool = False) -> None:
        """Read the settings again and replace every worker; ``reply`` when it is done or was given up. ``at_once``: all together."""
        self.replacing.reload(self._reread, reply, at_once)

    def reopen(self, reply: Callable[[list[dict[str, Any]]], object] = lambda results: None) -> None:
        from waitress import _reopen

        # One that still imports its app opens its files later, and would answer no sooner.
        self.commands.ask([worker for worker in self.workers if worker.serving], "reopen", reply)
        logger.info("Log files are opened anew (%d here)", _reopen.reopen())

    def start_upgrade(self) -> None:
        if self.state != "stopping":
            with self.figures.handing_over() as more:
                self.upgrade.start(self.binding.descriptors, more)

    def rest(self) -> None:
        """SIGWINCH, which a terminal sends at every change of its size: it means something only while another supervisor serves."""
        if not self.upgrade.shared or self.state != "serving" or self.resting:
            return
        logger.info("The workers of this supervisor are retired; the other one serves. SIGHUP brings them back, SIGTERM ends this one")
        self.resting = True
        while self.places:
            self.remove_place()

    def resume(self) -> None:
        """The other supervisor has ended: if it alone had workers, ours are needed again."""
        if self.resting and self.state == "serving":
            self.resting = False
            self.scale.fit()

    def stop(self) -> None:
        """SIGTERM, SIGINT, or the command."""
        self.ending.stop()

    def quit(self) -> None:
        self.ending.quit()
