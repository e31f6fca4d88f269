"""The server object: one engine, its worker threads and the loop that waits for it.

Receives an app and settings; promises that run() returns only when the engine has ended and its sockets are released.
run() belongs to the thread that called it; close() may be called from any thread, at any time, any number of times.
The engine never calls into Python by itself: it writes a byte to a socket pair that run() waits on, and run() then
takes the log lines out of its mailbox. So the app's logging set-up, signal handlers and debuggers see plain Python threads.
Above 300 lines because one object owns what has to be taken back in one order: signals, engine, threads, loops, interpreters, sockets.
"""
from __future__ import annotations

import logging
import os
import socket
import sys
import threading

from waitress import _app, _exit, _interface, _logging, _signals
from waitress._interpreters import AppName, Interpreters
from waitress._pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from _typeshed.wsgi import WSGIApplication

    from waitress._event_loops import EventLoops
    from waitress._memory import Reports
    from waitress._native import Configured, Engine
    from waitress._worker import Control

logger = logging.getLogger("waitress")

SERVING = "Serving on http://{}:{}"

# How long workers that are still inside the app are waited for after the engine has ended; Waitress waits 5 s too.
JOIN_SECONDS = 5.0
# The same for interpreters, which wait for their workers (5 s), then for other threads of the app (5 s).
INTERPRETER_SECONDS = 11.0


class Server:
    """One WSGI server; made by create_server()."""

    def __init__(self, application: WSGIApplication | AppName, configured: Configured, control: Control | None = None) -> None:
        """Opens the sockets, or takes over those of the supervisor behind ``control``; raises OSError when that fails. Of worker class
        interpreter the application is an AppName."""
        if application is None:
            raise ValueError("The app is None: pass the WSGI application itself (a factory that returns nothing?)")
        self.application = application
        # Re-entrant: a signal handler of the app may call close() while the main thread holds it.
        self._lock = threading.RLock()
        self._state = "new"  # then "running", then "closed"
        self._finished = threading.Event()
        self._stopped_by: str | None = None  # a signal that has not been logged yet
        self._started = False
        self._announces = self._last = False
        self._control = control
        self._again = control is not None and control.again
        self._wake, self._wake_engine = socket.socketpair()
        # Both the engine and Python's signal handler write to it: a full buffer already means "wake up".
        self._wake_engine.setblocking(False)
        if os.name == "nt":
            # recv() on Windows is not interrupted by a signal when another program owns the wake-up descriptor.
            self._wake.settimeout(0.5)
        assert configured["open"] is not None
        values = configured["values"]
        try:
            by_name = isinstance(application, AppName)
            # Of an app by its name the first interpreter finds it out, unless it is stated.
            interface = values.get("interface", "auto") if by_name else _interface.choose(application, values.get("interface", "auto"))
            sockets_app = self._load_sockets_app(values, interface, by_name)
            handoff = None if control is None else control.handoff
            self._engine: Engine = configured["open"](application, self._wake_engine.fileno(), dict(os.environ), handoff, interface)
        except BaseException:
            self._close_wake()
            raise
        if self._engine.activated:
            # Taken: neither a second server nor a child may take systemd's descriptors again (sd_listen_fds(3)).
            for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
                os.environ.pop(name, None)
        self._pool = Pool(self._engine, self._told_to_recycle)
        self._memory_seconds = float(configured["values"].get("memory_report") or 0)
        self._interpreters = Interpreters(self._engine, application, _logging.stated(values, self._again), values) if isinstance(application, AppName) else None
        self._loops: EventLoops | None = None
        self._has_threads = self._interpreters is None and interface == "wsgi"
        if interface == "asgi" or sockets_app is not None:
            from waitress import _event_loops  # asyncio takes a tenth of a second to import, which WSGI apps need not wait for

            self._loops = _event_loops.loops(self._engine, sockets_app or application, values, own=sockets_app is None)
        self._loaded = False
        self._descriptors = [(number, os.fstat(number).st_ino) for number in self._engine.descriptors] if os.name != "nt" else []
        self.effective_listen = [(str(host), str(port)) for host, port in self._engine.listen]
        """Every address in force, as (host, port) strings; a Unix socket is ("unix", path)."""
        self.effective_host, self.effective_port = self.effective_listen[0]

    @staticmethod
    def _load_sockets_app(values: Mapping[str, Any], interface: str, by_name: bool) -> Any:
        """The app of the setting asgi_websockets, or None; AppError when it can't be had."""
        name = values.get("asgi_websockets")
        if not name:
            return None
        if interface == "asgi":
            raise _app.AppError("asgi_websockets is for a WSGI app: an ASGI app has its WebSockets itself")
        if by_name:
            raise _app.AppError("asgi_websockets does not go with worker_class interpreter: use worker_class process or thread")
        app = _app.load(name)
        if _interface.choose(app, "auto") != "asgi":
            raise _app.AppError(f"asgi_websockets: {name} is not an ASGI app")
        return app

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The tasks of the event loops, and where each waits."""
        return [] if self._loops is None else self._loops.tasks()

    def stacks(self) -> list[dict[str, Any]]:
        """The Python stacks of every thread, or of every interpreter, and of every task; any thread."""
        if self._interpreters is not None:
            return self._interpreters.stacks()
        from waitress import _worker

        return _worker.stacks() + self.tasks

    def load(self) -> None:
        """Of worker class interpreter: load the app in each interpreter; of an ASGI app: have it start up. AppError when that fails. run()
        does it where nobody has before."""
        if self._loaded:
            return
        self._loaded = True
        try:
            if self._interpreters is not None:
                self._interpreters.start(self._wait_for_engine)
            elif self._loops is not None:
                self._loops.start()
        except BaseException:
            if self._interpreters is not None:
                self._interpreters.end(INTERPRETER_SECONDS)
            self.close()
            raise

    @property
    def worker_names(self) -> list[str]:
        """The workers of class interpreter that serve."""
        return self._interpreters.names if self._interpreters else []

    def replace_worker(self, name: str) -> str:
        """Have a new interpreter take the place of that one, which finishes its requests; see Interpreters.replace()."""
        if self._interpreters is None:
            raise ValueError("Only workers of class interpreter can be replaced inside their process")
        return self._interpreters.replace(name)

    def print_listen(self, format_str: str) -> None:
        """Log ``format_str`` filled with host and port (both strings, IPv6 in brackets), once per address."""
        for host, port in self.effective_listen:
            logger.info(format_str.format(f"[{host}]" if ":" in host else host, port))

    def log_build(self) -> None:
        """Log the interpreter, the number of worker threads and what the engine is."""
        from waitress import _native

        version = ".".join(map(str, sys.version_info[:3]))
        name = {"cpython": "CPython"}.get(sys.implementation.name, sys.implementation.name)
        threads = self._engine.threads
        workers = self._interpreters.describe() if self._interpreters else f"{threads} thread{'' if threads == 1 else 's'}, {_at_once(threads)}"
        if self._loops is not None:
            loop = self._loops.describe()
            workers = f"{workers}, WebSockets on {loop}" if self._has_threads else f"ASGI app on {loop}"
        logger.info("%s %s, %s, engine %s", name, version, workers, _native.build)

    def _prepare(self, *, quiet: bool, last: bool) -> None:
        """Have run() say where it listens, unless ``quiet``, once a signal stops it gracefully: whoever waits for that line may send
        one at once. ``last``: the program ends when the server has ended."""
        self._announces, self._last = not quiet, last

    def reopen(self) -> int:
        """Open log files anew that logrotate has moved: the access log's, and those of Python's logging, whose number is returned.

        Waits until it is done; for a file that takes no bytes two seconds at most.
        """
        from waitress import _reopen

        files = _reopen.reopen()
        if self._interpreters is not None:
            files += self._interpreters.reopen()
        self._engine.reopen()
        return files

    def close(self) -> None:
        """Stop accepting, let the requests in flight finish, then have run() return. Returns at once."""
        with self._lock:
            never_ran, self._state = self._state == "new", "closed"
            if self._finished.is_set():
                return
            self._engine.stop(True)
            if never_ran:
                self._release()

    def run(self) -> None:
        """Serve until close(), SIGINT or SIGTERM, or a KeyboardInterrupt or SystemExit from the app's own handlers.

        Returns at once on a server that was closed; a server runs once.
        """
        with self._lock:
            if self._state == "closed":
                return
            if self._state == "running":
                raise RuntimeError("This server is running already")
            self._state = "running"
        _exit.running.add(self)
        reports = None
        try:
            self.load()
            with _signals.stop_signals(self._stop_by_signal, self._wake_engine, self._last):
                try:
                    if self._announces:
                        for url in self._engine.urls:
                            logger.info("Serving on %s", url)
                        self.log_build()
                    if self._has_threads:
                        self._pool.start(self._engine.threads)
                    if self._memory_seconds:
                        from waitress import _memory

                        reports = _memory.Periodic(self._memory_seconds, self._reports("log"))
                    self._wait_until_ended()
                except BaseException:
                    self._engine.stop(False)
                    raise
                finally:
                    self._join()
        finally:
            if reports is not None:
                reports.close()
            with self._lock:
                self._state = "closed"
                self._release()
            _exit.running.discard(self)

    def _reports(self, reader: str) -> Reports:
        """Memory reports for that reader: each sees the growth since what it saw last."""
        from waitress import _memory

        interpreters = self._interpreters
        return _memory.Reports(self._engine, None if interpreters is None else lambda: interpreters.memory(reader))

    def _told_to_recycle(self, reason: str) -> None:
        if self._control is not None:
            self._control.recycle(reason)

    def _stop_by_signal(self, name: str) -> None:
        # Runs inside a signal handler: no logging here, the interrupted code may be in the middle of a log line.
        self._stopped_by = name
        if self._started:
            self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        if self._control is not None:
            self._control.stop_asked()
        else:
            self._engine.stop(True)

    def _wait_until_ended(self) -> None:
        interrupts = 0
        starting = True
        while True:
            try:
                if starting:
                    starting = False
                    self._engine.start()
                    if self._control is not None:
                        self._control.started(self)
                    self._started = True
                    # A signal that came before waits until here: clients may have connected since the sockets are open, and an
                    # engine that was started serves them before it ends.
                    if self._stopped_by:
                        self._ask_to_stop()
                while not self._engine.ended():
                    self._wait_for_wake()
                    self._pool.obey()
                    self._log_events()
                return
            except (KeyboardInterrupt, SystemExit):
                # From a handler of the app. Patience ends as with our own handlers: first graceful, then at once.
                interrupts += 1
                if interrupts > 2:
                    raise
                self._engine.stop(interrupts == 1)

    def _wait_for_engine(self) -> None:
        # While interpreters load the app: commands of a supervisor wait, as they do while a worker of another class imports it.
        self._wake.recv(4096)
        self._log_events()

    def _wait_for_wake(self) -> None:
        if self._control is not None:
            self._control.wait(self._wake)
            return
        try:
            self._wake.recv(4096)
        except TimeoutError:
            pass

    def _log_events(self) -> None:
        if self._stopped_by:
            name, self._stopped_by = self._stopped_by, None
            _logging.log("waitress", logging.INFO, "%s: finishing the requests in flight; a second signal ends at once", name)
        for name, level, message in self._engine.events():
            _logging.log(name, level, "%s", message)

    def _join(self) -> None:
        stuck = self._loops.join(JOIN_SECONDS) if self._loops else []
        if self._interpreters is not None:
            stuck += self._interpreters.end(INTERPRETER_SECONDS)
        elif self._has_threads:
            stuck += self._pool.join(JOIN_SECONDS)
        if stuck:
            _logging.log("waitress", logging.WARNING, "%d thread(s) still running: %s", len(stuck), ", ".join(stuck))

    def _release(self) -> None:
        # The engine first: after its close() it writes no more to the socket pair, whose descriptor may be reused.
        if self._finished.is_set():
            return
        try:
            self._engine.close()
            self._log_events()
        finally:
            self._close_wake()
            self._finished.set()

    def _close_listeners_in_child(self) -> None:
        # A child that outlives its parent would hold the port, and clients would connect to a backlog that nobody empties. A
        # number may have been given to another file since the server began to stop: a socket's inode is its own for life.
        for number, inode in self._descriptors:
            try:
                if os.fstat(number).st_ino == inode:
                    os.close(number)
            except OSError:
                pass

    def _close_wake(self) -> None:
        self._wake.close()
        self._wake_engine.close()


def _at_once(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'} served at once"


# Waitress has a class per kind of socket; here one serves all, and the names remain for annotations and isinstance.
BaseWSGIServer = TcpWSGIServer = UnixWSGIServer = WSGIServer = MultiSocketServer = Server

from waitress._create import create_server  # noqa: E402  # Below the class that it makes.

__all__ = ["BaseWSGIServer", "MultiSocketServer", "Server", "TcpWSGIServer", "UnixWSGIServer", "WSGIServer", "create_server"]
