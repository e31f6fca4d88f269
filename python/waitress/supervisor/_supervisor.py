"""The supervisor: keeps as many workers as there should be, replaces those that die, hang or have served long enough, and obeys signals."""
from __future__ import annotations

import itertools
import logging
import os
import signal
import time

from waitress.supervisor import _health, _recycle, _signals
from waitress.supervisor._commands import Commands
from waitress.supervisor._growth import Growth
from waitress.supervisor._output import ErrorPipe
from waitress.supervisor._place import Place
from waitress.supervisor._replacing import Replacing
from waitress.supervisor._respawn import Respawn
from waitress.supervisor._worker_process import WorkerProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from waitress.supervisor._board import Board
    from waitress.supervisor._launch import Launch
    from waitress.supervisor._loop import Loop, Timer
    from waitress.supervisor._output import Output
    from waitress.supervisor._upgrade import Upgrade

logger = logging.getLogger("waitress.supervisor")

TICK_SECONDS = 1.0
# After graceful_timeout a worker joins its threads (5 s, waitress.server.JOIN_SECONDS) and leaves; then it is killed.
MARGIN_SECONDS = 7.0
# A quick stop waits for no request, only for the processes' own ends.
QUIT_SECONDS = 5.0
# From the request for stacks to the kill: they are written within milliseconds where the kernel runs the process at all.
STACKS_SECONDS = 1.0
# At the very first start a worker that is killed before it is ready may be bad luck so many times in a row, and no more.
FIRST_TRIES = 3
# A look that comes so much later than planned means that the whole machine, or we, stood still: the workers did as well.
LATE_SECONDS = 5.0
EXIT_APP = 3


class Supervisor:
    """Everything happens on the loop's thread. Other parts use ``loop``, command(), status(), values and observe()."""

    def __init__(
        self, loop: Loop, binding: Any, board: Board, launch: Launch, output: Output, values: Mapping[str, Any],
        reread: Callable[[], tuple[Mapping[str, Any], list[str]]], upgrade: Upgrade,
    ) -> None:  # fmt: skip
        self.loop, self.binding, self.board, self.values = loop, binding, board, values
        self.places: list[Place] = []
        self.leaving: list[WorkerProcess] = []
        self.generation = 1
        self.exit_code = 0
        self.failure: str | None = None  # why there is no service, when exit_code is not 0
        self.state = "starting"  # then "serving", "stopping"
        self.started = loop.now()
        # With --reload a broken app waits for its next change instead of ending the service.
        self.patient = bool(values["reload"])
        self.replacing = Replacing(self)
        self.commands = Commands(self)
        self.upgrade = upgrade
        self._launch, self._output, self._reread = launch, output, reread
        self._names = itertools.count(1)
        self._growth = self._make_growth()
        self._observers: dict[str, list[Callable[[], object]]] = {}
        self._first_deaths = 0
        self._last_tick = loop.now()
        self._counted: dict[str, tuple[int, int]] = {}
        self._end_timer: Timer | None = None
        self._die_by: int | None = None
        self._last_signal = int(signal.SIGTERM)
        self._resting = False

    # What other parts use.

    def observe(self, event: str, callback: Callable[[], object]) -> None:
        """Call back on "ready" (the first worker serves), "reloading", "reloaded", "stopping"."""
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
    def workers(self) -> list[WorkerProcess]:
        return [worker for place in self.places for worker in place.workers] + self.leaving

    # The run.

    def run(self) -> int:
        """Until the service has ended; the exit code."""
        self.loop.claim_signals(_signals.by_number(), self._signalled)
        try:
            # One alone at first: if the app can't be imported, that is said once, and the first answer has the processors for itself.
            self._add_place()
            self.loop.call_later(TICK_SECONDS, self._tick)
            self.loop.run()
        finally:
            for worker in self.workers:
                worker.end_at_once()
            self._output.flush()
            self.loop.release_signals()
        if self._die_by is not None:
            # The true way to die of a signal, so that a shell sees it in the exit status.
            signal.signal(self._die_by, signal.SIG_DFL)
            signal.raise_signal(self._die_by)
        return self.exit_code

    def _signalled(self, number: int) -> None:
        row = _signals.by_number().get(number)
        if row is not None:
            self._last_signal = number
            getattr(self, row.action)()

    def _add_place(self) -> None:
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
                self._retry(place, TICK_SECONDS)
            return
        name = str(next(self._names))
        recycling = _recycle.Recycling(self.values, self.loop.now)
        self.board.begin(slot)
        try:
            started = self._launch.start(slot, name, self.generation, recycling.max_requests)
        except OSError as error:
            self.board.end(slot)
            pause = max(1.0, place.respawn.died())
            logger.error("Worker %s can't be started: %s; the next try is in %.1f s", name, error, pause)
            if incoming:
                place.not_before = self.loop.now() + pause
            else:
                self._retry(place, pause)
            return
        self.board.name(slot, started.pid)
        errors = ErrorPipe(self.loop, self._output, started.errors)
        health = _health.Health(float(self.values["worker_timeout"]), time.monotonic_ns())
        worker = WorkerProcess(self.loop, started, errors, name, slot, self.generation, recycling, health, self._on_event)
        if incoming:
            place.incoming = worker
        else:
            place.current = worker

    def _retry(self, place: Place, pause: float) -> None:
        place.retry = self.loop.call_later(pause, lambda: self._fill(place))

    def _fill(self, place: Place) -> None:
        if place.idle:
            self.start_in(place)

    # What workers say.

    def _on_event(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        event = message.get("event")
        if event == "ready":
            worker.serving = True
            if self.state == "stopping":
                self._end(worker)
            else:
                worker.ask("ping", lambda result: self._proven(worker, result), seconds=60.0)
        elif event == "failed":
            worker.failure = str(message.get("text"))
        elif event == "broken":
            # Only with --reload: it serves the traceback to everybody who asks, and waits for the next change.
            logger.error("%s", message.get("text"))
        elif event == "recycle":
            self._recycle(worker, str(message.get("reason")))
        elif event == "stopping":
            # Somebody has sent it SIGTERM. When that was the whole group, ours is about to be read: then it is a stop, no loss.
            self.loop.call_later(0.1, lambda: self._leaves(worker))

    def _proven(self, worker: WorkerProcess, result: Any) -> None:
        place = self._place_of(worker)
        if worker.state != "starting" or place is None or (isinstance(result, dict) and "error" in result):
            return
        worker.state = "ready"
        place.respawn.served()
        if place.incoming is worker:
            old, place.current, place.incoming = place.current, worker, None
            if old is not None:
                self.retire(old)
        if self.state == "starting":
            self._begin_service()
        self.replacing.next()

    def _begin_service(self) -> None:
        self.state = "serving"
        for host, port in self.binding.listen:
            logger.info("Serving on http://%s:%s", f"[{host}]" if ":" in str(host) else host, port)
        logger.info("%s", self.commands.headline())
        while len(self.places) < self.wanted():
            self._add_place()
        self.tell("ready")

    def _recycle(self, worker: WorkerProcess, reason: str) -> None:
        if worker.asked is None and worker.state in ("starting", "ready"):
            worker.asked = reason
            self.replacing.next()

    def _leaves(self, worker: WorkerProcess) -> None:
        """A worker was told by somebody else to go: the others serve on, and its place is filled at once."""
        place = self._place_of(worker)
        if place is None or self.state == "stopping":
            if self.state == "stopping":
                self._end(worker)
            return
        logger.info("%s got SIGTERM from outside; it finishes its requests, and another takes its place", worker)
        self._vacate(place, worker)
        self.retire(worker)
        self._fill(place)

    def _place_of(self, worker: WorkerProcess) -> Place | None:
        return next((place for place in self.places if worker in place.workers), None)

    def _vacate(self, place: Place, worker: WorkerProcess) -> None:
        if place.incoming is worker:
            place.incoming = None
        elif place.current is worker:
            # The one that was to take over is the one that is there now.
            place.current, place.incoming = place.incoming, None

    # How workers end.

    def retire(self, worker: WorkerProcess) -> None:
        """The others go on serving: it accepts no more, finishes what it has, and is killed when it takes too long."""
        # A developer's browser must not ask old code once more on a connection that it keeps open.
        self._go(worker, "retiring", "stop" if self.patient else "retire")

    def drop(self, place: Place, worker: WorkerProcess) -> None:
        """At once: it is still starting, and nobody needs it any more."""
        self._vacate(place, worker)
        self.leaving.append(worker)
        worker.end_at_once()

    def _end(self, worker: WorkerProcess) -> None:
        # While another supervisor serves the same sockets, what waits in the kernel is not for us to take in or to drop.
        self._go(worker, "stopping", "retire" if self.upgrade.shared else "stop")

    def _go(self, worker: WorkerProcess, state: str, command: str) -> None:
        if worker.state in ("retiring", "killed", "gone") or worker.state == state:
            return
        worker.state = state
        if worker not in self.leaving:
            self.leaving.append(worker)
        if worker.patience is not None:
            worker.patience.cancel()
        if not (worker.serving and worker.tell(command)):
            worker.kill(signal.SIGTERM)  # still importing the app: nothing to finish
        worker.patience = self.loop.call_later(float(self.values["graceful_timeout"]) + MARGIN_SECONDS, lambda: self._too_late(worker))

    def _too_late(self, worker: WorkerProcess) -> None:
        logger.warning("%s has not left in time and is killed", worker)
        worker.end_at_once()

    def _hung(self, worker: WorkerProcess, why: str) -> None:
        logger.error("%s has hung: %s. The stacks of its threads follow; then it is killed and replaced", worker, why)
        worker.state = "killed"
        worker.kill(STACKS_SIGNAL)
        worker.patience = self.loop.call_later(STACKS_SECONDS, lambda: worker.kill(signal.SIGKILL))
        place = self._place_of(worker)
        if place is not None and place.current is worker:
            self._vacate(place, worker)
            self.leaving.append(worker)
            if place.idle:
                self._retry(place, place.respawn.died())

    def reap(self) -> None:
        """Every process that has ended. As PID 1 that includes orphans of others; elsewhere a program's other children are not ours."""
        if os.getpid() == 1:
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return
                if pid == 0:
                    return
                self._reaped(pid, status)
        for pid in [worker.pid for worker in self.workers] + self.upgrade.pids:
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                found, status = pid, 0x7F00  # somebody else has reaped it; its code is lost
            if found:
                self._reaped(pid, status)

    def _reaped(self, pid: int, status: int) -> None:
        worker = next((worker for worker in self.workers if worker.pid == pid), None)
        if worker is None:
            self.upgrade.reaped(pid, status)
            return
        expected = worker.state in ("retiring", "stopping", "killed")
        worker.requests = self.board.read(worker.slot).requests
        worker.gone(status)
        self.board.end(worker.slot)
        self._counted.pop(worker.name, None)
        self._launch.wake_all()
        place = self._place_of(worker)
        if worker in self.leaving:
            self.leaving.remove(worker)
        what = f"{_signals.describe(status)} after {worker.age:.0f} s and {worker.requests} requests"
        if worker.failure is not None:
            what = "could not start"
        if self.state == "stopping":
            if not expected or status != 0:
                logger.log(logging.WARNING if worker.serving else logging.INFO, "%s %s", worker, what)
            self._end_when_empty()
        elif place is not None and place.incoming is worker:
            place.incoming = None
            self._show_failure(worker)
            self.replacing.failed(worker, place, what + _last_words(worker))
        elif place is not None:
            self._vacate(place, worker)
            self._died(worker, place, what)
        else:
            logger.info("%s %s", worker, what)
        if self.state != "stopping":
            self.replacing.next()

    def _died(self, worker: WorkerProcess, place: Place, what: str) -> None:
        if self.state == "starting" and not self.patient:
            self._first_deaths += 1
            if worker.failure is not None or self._first_deaths >= FIRST_TRIES or what.startswith("ended"):
                self.failure = worker.failure or f"The first worker {what} before it was ready{_last_words(worker)}"
                self.exit_code = EXIT_APP
                self._stop_all("quit", QUIT_SECONDS)
                return
        self._show_failure(worker)
        pause = place.respawn.died()
        then = "the next is tried after the next change" if self._waits_for_change(worker) else f"it is replaced {_when(pause)}"
        logger.error("%s %s; %s%s", worker, what, then, _last_words(worker))
        if place.idle and not self._waits_for_change(worker):
            if pause:
                self._retry(place, pause)
            else:
                self.start_in(place)

    def _waits_for_change(self, worker: WorkerProcess) -> bool:
        return self.patient and worker.failure is not None

    def _show_failure(self, worker: WorkerProcess) -> None:
        if worker.failure is not None:
            logger.error("%s", worker.failure)

    # The look once a second.

    def _tick(self) -> None:
        self.loop.call_later(TICK_SECONDS, self._tick)
        now, late = self.loop.now(), self.loop.now() - self._last_tick > TICK_SECONDS + LATE_SECONDS
        elapsed, self._last_tick = now - self._last_tick, now
        self.reap()  # a signal that came while another was pending is one
        if self.state == "stopping":
            return
        busy = inside = threads = 0.0
        waited = 0
        for worker in self.workers:
            worker.send()
            slot = self.board.read(worker.slot)
            worker.requests = slot.requests
            stamp = time.monotonic_ns()
            if worker.state == "ready":
                worker.busy = self._share(worker, slot.app_time, elapsed, slot.threads)
                busy += worker.busy * slot.threads
                inside += slot.inside
                threads += slot.threads
                waited = max(waited, stamp - slot.oldest if slot.oldest else 0)
            if not late:
                self._judge(worker, slot, stamp)
        self.replacing.next()
        if threads and not late:
            self._grow(busy / threads, inside / threads, waited / 1e9)

    def _judge(self, worker: WorkerProcess, slot: Any, stamp: int) -> None:
        if worker.state == "starting":
            ill = None if worker.serving else worker.health.starting(stamp)
        elif worker.state == "ready":
            ill = worker.health.serving(slot, stamp)
        else:
            return
        if ill is not None:
            self._hung(worker, ill)
            return
        if worker.state == "ready":
            reason = worker.recycling.reason(slot.requests, lambda: _recycle.resident(worker.pid))
            if reason is not None:
                self._recycle(worker, reason)

    def _share(self, worker: WorkerProcess, app_time: int, elapsed: float, threads: int) -> float:
        before, _ = self._counted.get(worker.name, (0, 0))
        self._counted[worker.name] = (app_time, threads)
        return min(1.0, max(0.0, (app_time - before) / 1e9 / (elapsed * threads))) if elapsed > 0 and threads else 0.0

    # How many.

    def _make_growth(self) -> Growth:
        workers = self._configured_workers()
        if self.values["worker_class"] != "process":
            return Growth(1, 1, self.loop.now)
        least = int(self.values["min_workers"] or min(workers, int(self.values["max_workers"] or workers)))
        most = int(self.values["max_workers"] or max(workers, least))
        return Growth(least, most, self.loop.now)

    def _configured_workers(self) -> int:
        return int(self.values["workers"]) if self.values["worker_class"] == "process" else 1

    def wanted(self) -> int:
        return min(max(self._configured_workers(), self._growth.least), self._growth.most)

    def _grow(self, busy: float, inside: float, waited: float) -> None:
        if not self._growth.on or any(place.current is None or place.current.state != "ready" for place in self.places):
            return
        change = self._growth.look(len(self.places), busy, inside, waited)
        if change > 0:
            logger.info("Requests wait, or threads are busy (%.0f %%): a worker more, %d in all", busy * 100, len(self.places) + 1)
            self._add_place()
        elif change < 0:
            logger.info("There is little to do: a worker less, %d in all", len(self.places) - 1)
            self._remove_place()

    def _remove_place(self) -> None:
        place = self.places.pop()
        if place.retry is not None:
            place.retry.cancel()
        for worker in place.workers:
            self.retire(worker)
        self.replacing.next()

    # Signals and commands; each name is an action of the table in _signals.

    def add(self) -> str | None:
        """A refusal in words, or None."""
        if self.state != "serving":
            return "the service is not up"
        if self.values["worker_class"] != "process":
            return f"worker class {self.values['worker_class']} has one process; use --worker-class=process"
        if len(self.places) * 2 >= self.board.slots:
            return f"{len(self.places)} workers are the most that this supervisor has room for"
        self._add_place()
        logger.info("A worker more was asked for: %d in all", len(self.places))
        return None

    def remove(self) -> str | None:
        """A refusal in words, or None."""
        if self.state != "serving" or len(self.places) < 2:
            return "the last worker stays"
        self._remove_place()
        logger.info("A worker less was asked for: %d in all", len(self.places))
        return None

    def reload(self, reply: Callable[[dict[str, Any]], object] = lambda result: None, at_once: bool = False) -> None:
        if self.state == "stopping":
            reply({"ok": False, "error": "The service is being stopped"})
            return
        values, faults = self._reread()
        if faults:
            for fault in faults:
                logger.error("Reload refused, everything stays as it is: %s", fault)
            reply({"ok": False, "error": "\n".join(faults)})
            return
        self._warn_of_fixed(values)
        before = self._configured_workers(), self.values["min_workers"], self.values["max_workers"]
        self.values = values
        self.generation += 1
        logger.info("Reload: generation %d, workers are replaced one by one", self.generation)
        self.tell("reloading")
        if before != (self._configured_workers(), values["min_workers"], values["max_workers"]) or self._resting:
            self._growth = self._make_growth()
            while len(self.places) > self.wanted():
                self._remove_place()
            while self.state == "serving" and len(self.places) < self.wanted():
                self._add_place()
        self._resting = False
        for place in self.places:
            if place.current is None and place.incoming is None:
                if place.retry is not None:
                    place.retry.cancel()  # the reason of its deaths may be gone with the new code
                self.start_in(place)
        self.replacing.reload(self.generation, reply, at_once)

    def _warn_of_fixed(self, values: Mapping[str, Any]) -> None:
        fixed = [name for name in ("listen", "host", "port", "unix_socket", "worker_class") if values.get(name) != self.values.get(name)]
        if fixed:
            logger.warning("Changed, but in force only after a restart: %s", ", ".join(fixed))

    def reopen(self) -> None:
        from waitress import _reopen

        for worker in self.workers:
            worker.tell("reopen")
        logger.info("Log files are opened anew (%d here)", _reopen.reopen())

    def start_upgrade(self) -> None:
        if self.state != "stopping":
            self.upgrade.start(self.binding.descriptors)

    def rest(self) -> None:
        """SIGWINCH, which a terminal sends at every change of its size: it means something only while another supervisor serves."""
        if not self.upgrade.shared or self.state != "serving" or self._resting:
            return
        logger.info("The workers of this supervisor are retired; the other one serves. SIGHUP brings them back, SIGTERM ends this one")
        self._resting = True
        while self.places:
            self._remove_place()

    def stop(self) -> None:
        """SIGTERM or SIGINT, or the command."""
        if self.state == "stopping":
            self._stop_now()
            return
        logger.info("Stopping: requests in flight are finished; a second signal ends at once")
        self._stop_all("stop", float(self.values["graceful_timeout"]) + MARGIN_SECONDS)

    def quit(self) -> None:
        if self.state == "stopping":
            self._stop_now()
            return
        logger.info("Stopping at once: connections are closed")
        self._stop_all("quit", QUIT_SECONDS)

    def _stop_all(self, how: str, seconds: float) -> None:
        self.state = "stopping"
        self.tell("stopping")
        self.replacing.give_up()
        # Ours first: from now on the last worker to close a socket ends it for the clients, and a unix socket's file is gone at once.
        self.binding.close(not self.upgrade.shared)
        workers = self.workers
        for place in self.places:
            if place.retry is not None:
                place.retry.cancel()
        self.places.clear()
        for worker in workers:
            if worker not in self.leaving:
                self.leaving.append(worker)
            if how == "quit":
                self._go(worker, "stopping", "quit")
            else:
                self._end(worker)
        self._end_timer = self.loop.call_later(seconds, self._stop_late)
        self._end_when_empty()

    def _stop_late(self) -> None:
        for worker in self.workers:
            self._too_late(worker)

    def _stop_now(self) -> None:
        self._die_by = self._last_signal
        self.loop.stop()

    def _end_when_empty(self) -> None:
        if not self.workers:
            self.loop.stop()


def _stacks_signal() -> int:
    from waitress import _worker

    return _worker.STACKS_SIGNAL


STACKS_SIGNAL = _stacks_signal()


def _last_words(worker: WorkerProcess) -> str:
    words = [] if worker.failure is not None else list(worker.errors.last_words)[-3:]
    return "; its last words: " + " | ".join(words) if words else ""


def _when(pause: float) -> str:
    return f"in {pause:.1f} s" if pause else "at once"
