"""``waitress-serve`` without a supervisor: from the settings to the served app in one process, and what is around it.

The order: pid file; with ``--user`` or ``--group`` the sockets, while the process may still open port 80, and then the change of user;
the app's import; the service. Without a change of user the app is imported before any socket is opened, so that a client never
waits in the backlog of a server whose app does not exist.
"""
from __future__ import annotations

import logging
import os
import signal
import stat
from contextlib import contextmanager

import waitress
from waitress import _alone_control, _interpreters, _logging
from waitress._notify import Notify
from waitress._pid_file import PidFile
from waitress.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from typing import Any

    from waitress._native import Configured
    from waitress._program import Program

# Windows: recv() is not interrupted by a signal when another program owns the wake-up descriptor.
WINDOWS_SECONDS = 0.5


class Surroundings:
    """What Server calls while it runs: it stands where a worker has its channel to the supervisor. Main thread only."""

    again = False  # nothing of this service ran before

    def __init__(self, handoff: dict[str, Any] | None, notify: Notify) -> None:
        self.handoff = handoff
        self._notify = notify
        self._server: Server | None = None
        self._stop_asked = self._reopen_asked = False

    @contextmanager
    def reopen_signal(self) -> Iterator[None]:
        """SIGUSR1 opens log files anew, unless the app has a handler of its own for it."""
        number = getattr(signal, "SIGUSR1", None)
        ours = number is not None and signal.getsignal(number) is signal.SIG_DFL
        if ours:
            signal.signal(number, self._told_to_reopen)
        try:
            yield
        finally:
            # Ignored and not the default: one that comes late must not kill a program that is ending.
            if ours and signal.getsignal(number) == self._told_to_reopen:
                signal.signal(number, signal.SIG_IGN)

    def _told_to_reopen(self, number: int, frame: object) -> None:
        self._reopen_asked = True
        if self._server is not None:
            try:
                # An app with a wake-up descriptor of its own keeps the signal from ending our recv().
                self._server._wake_engine.send(b"\0")
            except OSError:
                pass  # full: then it wakes anyway

    def started(self, server: Server) -> None:
        """Connections are accepted."""
        self._server = server
        if self._stop_asked:
            # A signal that came while the engine started: its handler found no server yet.
            server._engine.stop(True)
        self._notify.ready("Serving on " + " ".join(server._engine.urls))

    def stop_asked(self) -> None:
        """Inside a signal handler, which wakes wait() as well, or from the thread of the control socket."""
        self._stop_asked = True
        if self._server is not None:
            self._server._engine.stop(True)

    def recycle(self, reason: str) -> None:
        """Nobody would start another process."""

    def wait(self, wake: socket.socket) -> None:
        """Until the engine has something to say or a signal came, but no longer than the watchdog allows."""
        if self._stop_asked:
            self._stop_asked = False
            self._notify.stopping()
        wake.settimeout(WINDOWS_SECONDS if os.name == "nt" else self._notify.interval)
        try:
            wake.recv(4096)
        except TimeoutError:
            pass
        if self._reopen_asked:
            self._reopen_asked = False
            assert self._server is not None
            files = self._server.reopen()
            _logging.log("waitress", logging.INFO, "Log files are opened anew (%d besides the access log's)", files)
        self._notify.beat()


def serve(
    program: Program, app_name: str, call: bool, configured: Configured, set_up_logging: Callable[[Configured], None],
    instead: Callable[[Any, Configured], None] | None = None,
) -> None:  # fmt: skip
    """AppError when the app can't be imported, OSError with one line when the pid file can't be written or an address not be opened."""
    path = configured["values"].get("pid")
    pid_file = PidFile(path) if path else None
    if pid_file is not None:
        pid_file.write()
    opened: list[tuple[str, str]] = []
    try:
        handoff = None
        if program.account is not None:
            handoff, opened = _open_as_root(program, configured)
            if pid_file is not None:
                pid_file.give_to(program.account.uid, program.account.gid)
            program.become()
        app = _interpreters.load_app(configured, app_name, call)
        set_up_logging(configured)
        if instead is not None:
            instead(app, configured)
            return
        surroundings = Surroundings(handoff, Notify())
        commands = _alone_control.Commands(str(configured["values"].get("worker_class")))
        with _alone_control.opened(configured["values"].get("control_socket"), commands):
            server = Server(app, configured, surroundings)
            server._engine.called(app_name)
            commands.serves(server, surroundings.stop_asked)
            with surroundings.reopen_signal():
                waitress.run_server(server, last=True)
    finally:
        _remove_sockets(opened)
        if pid_file is not None:
            pid_file.remove()


def _open_as_root(program: Program, configured: Configured) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The sockets for the engine, and the addresses of unix sockets that are to be removed at the end."""
    assert configured["bind"] is not None
    binding = configured["bind"](dict(os.environ), [])
    # The engine owns what it is handed, so it gets duplicates; then it alone holds the sockets, and closes them when it stops.
    handoff = {"sockets": [os.dup(descriptor) for descriptor in binding.descriptors]}
    # Files of systemd's sockets stay as systemd made them.
    unix = [] if binding.activated else [(host, path) for host, path in binding.listen if host == "unix"]
    program.own_unix_sockets(unix)
    if binding.activated:
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            os.environ.pop(name, None)
    binding.close(False)
    return handoff, unix


def _remove_sockets(listen: list[tuple[str, str]]) -> None:
    for _, path in listen:
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)
        except OSError:
            # Its folder does not let the new user: the next start replaces a socket that nobody listens on.
            pass
