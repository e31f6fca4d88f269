"""The supervisor: one process that opens the sockets, starts the workers and watches them; it imports no app.

Receives effective settings (the `values` of configure()) and a way to read them again; gives back the program's exit code.
Promises: as long as it runs there are as many workers as asked for, or it says in the log why not; a worker that serves is replaced
only when its successor has proven ready; the end leaves no process behind and drops no request that was accepted.
One thread, which waits in a Loop and in nothing else. Workers are told by lines on a socket pair (waitress._worker is the other end)
and watched on a scoreboard in shared memory, where they need no thread of theirs to answer.
Policies (_respawn, _recycle, _growth, _health) are pure: numbers and a clock in, a decision out.
"""
from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import ExitStack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from waitress._native import Configured
    from waitress._program import Program
    from waitress.supervisor._upgrade import Inherited

# Slots beyond twice the workers: for TTIN, and for workers that still finish while their successors serve.
SPARE_SLOTS = 16


def run(
    configured: Configured, arguments: list[str], reread: Callable[[], tuple[Mapping[str, Any], list[str]]], program: Program,
    extra: dict[str, Any] | None = None, upgrade_of: Inherited | None = None,
) -> tuple[int, str | None]:  # fmt: skip
    """Serve until stopped. The exit code, and what to say when there was no service (3: the app can't be imported).

    ``arguments`` is the program's command line, for the workers; ``program`` says as whom they run; ``extra`` are further keys of
    their handoff; ``upgrade_of`` is what take_upgrade() gave. OSError with one line when an address, the control socket or the pid
    file can't be had. Python's logging is set up here, since no app can have done it.
    """
    from waitress import _native
    from waitress._notify import Notify
    from waitress._pid_file import PidFile
    from waitress.supervisor import _launch, _recycle, _upgrade
    from waitress.supervisor._board import Board
    from waitress.supervisor._figures import Figures
    from waitress.supervisor._idle_start import IdleStart
    from waitress.supervisor._loop import Loop
    from waitress.supervisor._output import Output
    from waitress.supervisor._service import Service
    from waitress.supervisor._supervisor import Supervisor

    values = configured["values"]
    with ExitStack() as ends:
        inherited = upgrade_of or _upgrade.Inherited()
        notify = Notify()
        pid_file = PidFile(values["pid"]) if values["pid"] else None
        if pid_file is not None:
            pid_file.write()
            ends.callback(pid_file.remove)
        assert configured["bind"] is not None
        binding = configured["bind"](dict(os.environ), inherited.sockets)
        if binding.activated:
            for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
                os.environ.pop(name, None)
        for fd in binding.descriptors:
            os.set_inheritable(fd, False)  # Popen passes them on by number; nothing else should have them
        if not inherited.sockets and not binding.activated:
            program.own_unix_sockets(binding.listen)
        loop = Loop()
        ends.callback(loop.close)
        output = Output(loop)
        _set_up_logging(configured, output)
        if values["max_memory"] and not _recycle.can_measure():
            logging.getLogger("waitress.supervisor").warning("max_memory has no effect: this system has no /proc to read a process's memory from")
        most = max(int(values["workers"]), int(values["max_workers"] or 0)) if values["worker_class"] == "process" else 1
        board = Board(2 * most + SPARE_SLOTS)
        ends.callback(board.close)
        handoff = {"program": sys.argv[0], "path": _launch.first_path(), **(extra or {})}
        app = _native.command_line(arguments)["app"]
        figures = Figures(loop, configured["figures"], board.slots, values["admin_listen"], inherited, app or "", list(binding.urls))
        if not inherited.admin:
            program.own_unix_sockets([(host, path) for host, path in figures.listen])
        launch = _launch.Launch(arguments, list(binding.descriptors), board, handoff, program.spawn_options(), program.environment(), figures.fd)
        ends.callback(launch.close)
        upgrade = _upgrade.Upgrade(_upgrade.command_line(), inherited.parent, program.start_folder, notify.environment())
        supervisor = Supervisor(loop, binding, board, launch, output, values, reread, upgrade, figures, IdleStart(loop))
        figures.follow(supervisor)
        ends.callback(lambda: figures.close(not upgrade.shared))
        ends.callback(lambda: binding.close(not upgrade.shared))
        service = Service(supervisor, notify, pid_file)
        ends.callback(service.close)
        code = supervisor.run()
    if supervisor.ending.at_once:
        # The true way to die of a signal, so that a shell or another supervisor sees it in the exit status.
        signal.signal(supervisor.last_signal, signal.SIG_DFL)
        signal.raise_signal(supervisor.last_signal)
    return code, supervisor.failure


def take_upgrade() -> Inherited:
    """The sockets and the process of the supervisor that started this program by SIGUSR2. Before the settings are read, which know every
    variable that begins with WAITRESS_."""
    from waitress.supervisor import _upgrade

    return _upgrade.take(os.environ)


def _set_up_logging(configured: Configured, output: Any) -> None:
    from waitress import _logging

    _logging.set_up(configured["values"], output)
    for text in configured["warnings"]:
        logging.getLogger("waitress").warning("%s", text)
