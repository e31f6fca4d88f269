"""The worker's side of supervision: what the supervisor hands over, and the control channel that the main thread watches.

Receives the environment variable WAITRESS_WORKER; promises that it never reaches the app or its children. Everything runs in the main
thread, beside the engine's wake-up: so an answer on the channel proves that the main thread is well. When the channel ends, the
supervisor is gone, and the worker stops by itself.
"""
from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import threading
import time

from waitress import _channel, _imported, _insight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from waitress._memory import Reports
    from waitress._native import Configured
    from waitress.server import Server

VARIABLE = "WAITRESS_WORKER"
# Asks faulthandler for the stacks of all threads, on standard error, without any thread's help. .NET and glibc use the first ones of the
# real-time signals; where there are none, a signal that workers have no other use for.
STACKS_SIGNAL = int(signal.SIGRTMIN) + 8 if hasattr(signal, "SIGRTMIN") else int(getattr(signal, "SIGUSR2", 0))
# The terminal sends these to the whole group; what they mean is the supervisor's to decide.
GROUP_SIGNALS = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGWINCH")
# How long a worker that somebody has sent SIGTERM waits for the supervisor's word before it stops by itself.
WORD_SECONDS = 1.0
# Exit code of a worker that could not start; the supervisor has the reason by the channel.
FAILED = 3


class Control:
    """The channel's end in this process. Server calls wait(), started() and stop_asked()."""

    def __init__(self, handoff: dict[str, Any]) -> None:
        self.handoff = handoff
        self.again = bool(handoff.get("again"))
        """The service runs already: what was good at its start (the folders of the log files) is not judged anew."""
        self._channel = socket.socket(fileno=handoff["control"])
        self._channel.setblocking(True)
        self._lines = _channel.Lines()
        self._server: Server | None = None
        self._open = True
        self._stop_deadline: float | None = None
        self._stop_told = False
        # Held for a message: the main thread and one that makes a memory report may both have something to say.
        self._sending = threading.RLock()
        self._reports: Reports | None = None
        self._reporter: threading.Thread | None = None

    def send(self, event: str, **more: Any) -> None:
        message = _channel.encode({"event": event, **more})
        try:
            with self._sending:
                self._channel.sendall(message)
        except OSError:
            pass  # The supervisor is gone; wait() finds the end of the channel.

    def failed(self, text: str) -> None:
        """The app could not be imported, or the engine not be opened."""
        self.send("failed", text=text, files=_imported.files())

    def started(self, server: Server) -> None:
        """Connections are accepted."""
        self._server = server
        self.send("ready")

    def recycle(self, reason: str) -> None:
        """Ask to be replaced; the worker serves on until it is told to retire."""
        self.send("recycle", reason=reason)

    def stop_asked(self) -> None:
        """From a signal handler: somebody sent SIGTERM to this worker alone, or to the whole group. The supervisor knows which."""
        self._stop_deadline = time.monotonic() + WORD_SECONDS
        if self._server is None:
            return  # the engine is starting, and wait() comes after that
        try:
            # An app with a wake-up descriptor of its own keeps the signal from ending our poll().
            self._server._wake_engine.send(b"\0")
        except OSError:
            pass  # full: then it wakes anyway

    def wait(self, wake: socket.socket) -> None:
        """Until the engine has something to say (the bytes are taken) or a command was obeyed."""
        if self._stop_deadline is not None and not self._stop_told:
            self._stop_told = True
            self.send("stopping")
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._open:
            poll.register(self._channel, select.POLLIN)
        left = None if self._stop_deadline is None else max(0.0, self._stop_deadline - time.monotonic())
        ready = [fd for fd, _ in poll.poll(None if left is None else left * 1000)]
        if wake.fileno() in ready:
            wake.recv(4096)
        if self._channel.fileno() in ready:
            self._read()
        if self._stop_deadline is not None and time.monotonic() >= self._stop_deadline:
            self._stop_deadline = None
            self._engine().stop(True)

    def _read(self) -> None:
        try:
            data = self._channel.recv(65536)
            messages = self._lines.feed(data)
        except (OSError, ValueError):
            data, messages = b"", []
        for message in messages:
            self._obey(message)
        if not data:
            self._open = False
            self._engine().stop(True)

    def _obey(self, message: dict[str, Any]) -> None:
        command = message.get("command")
        if command in ("stop", "retire", "quit"):
            self._stop_deadline = None
            engine = self._engine()
            if command == "retire" and hasattr(engine, "retire"):
                engine.retire()
            else:
                engine.stop(command != "quit")
        elif command == "reopen":
            files = self._server.reopen() if self._server is not None else 0
            if "id" in message:
                self.send("reply", id=message["id"], result={"files": files})
        elif command == "memory":
            self._report(message)
        else:
            try:
                result = self._answer(str(command), message)
            except Exception as error:  # a question must never end the worker
                result = {"error": f"{type(error).__name__}: {error}"}
            self.send("reply", id=message.get("id"), result=result)

    def _report(self, message: dict[str, Any]) -> None:
        """On a thread of its own, since it takes seconds and the main thread has to answer and to raise timeouts meanwhile."""
        assert self._server is not None
        if self._reporter is not None and self._reporter.is_alive():
            self.send("reply", id=message.get("id"), result={"error": "a report is being made already"})
            return
        reports = self._reports = self._reports or self._server._reports("control")

        def run() -> None:
            try:
                result = reports.make(int(message["limit"])) if "limit" in message else reports.make()
            except Exception as error:
                result = {"error": f"{type(error).__name__}: {error}"}
            self.send("reply", id=message.get("id"), result=result)

        self._reporter = threading.Thread(target=run, name="waitress-memory", daemon=True)
        self._reporter.start()

    def _answer(self, command: str, message: dict[str, Any]) -> Any:
        interpreters = self._server._interpreters if self._server is not None else None
        if command == "stacks" and self._server is not None:
            return self._server.stacks()
        if command == "activity":
            return self._engine().activity()
        if command == "stack":
            number = int(message["request"])
            return _insight.stack(self._engine(), number) if interpreters is None else _insight.of_interpreters(self._engine(), number, interpreters)
        return ANSWERS.get(command, _unknown)()

    def _engine(self) -> Any:
        assert self._server is not None
        return self._server._engine


def take() -> Control | None:
    """The channel to the supervisor that started this process; None without one. First of all, before anything reads the environment."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    handoff = json.loads(text)
    for fd in (*handoff["sockets"], handoff["board"], *handoff["wakers"], handoff["waker"], handoff["control"], handoff.get("metrics", -1)):
        if fd >= 0:
            os.set_inheritable(fd, False)
    if handoff.get("program"):
        sys.argv[0] = handoff["program"]
    if handoff.get("path") is not None:
        # Of "python -m" there is one already, unless the interpreter was told to be safe.
        if getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, handoff["path"])
        else:
            sys.path[0] = handoff["path"]
    for path in handoff.get("paths") or ():
        if path not in sys.path:
            sys.path.append(path)
    _set_up_signals()
    return Control(handoff)


def serve(control: Control, app_name: str, call: bool, configured: Configured) -> int:
    """Import the app and serve it until told to end; the exit code."""
    import waitress
    from waitress import _app, _broken, _interpreters, runner
    from waitress.server import Server

    try:
        app = _interpreters.load_app(configured, app_name, call)
    except (_app.AppError, SystemExit) as error:
        left = isinstance(error, SystemExit)
        if not configured["values"]["reload"]:
            if left:
                raise
            control.failed(str(error))
            return FAILED
        # Whoever develops sees what is wrong where they look, until the next change.
        text = f"The app '{app_name}' ended the program while it was imported: {error!r}" if left else str(error)
        control.send("broken", text=text)
        app = _broken.page(text)
    try:
        runner.set_up_logging(configured, control.handoff.get("name"), control.again)
        server = Server(app, configured, control)
    except OSError as error:
        control.failed(f"The worker can't start: {error}")
        return FAILED
    except _app.AppError as error:
        control.failed(str(error))
        return FAILED
    try:
        waitress.run_server(server, quiet=True, last=True)
    except _app.AppError as error:  # of class interpreter, which imports the app only there, or of an ASGI app's start-up
        control.failed(str(error))
        return FAILED
    return 0


def _set_up_signals() -> None:
    import faulthandler

    faulthandler.register(STACKS_SIGNAL, file=sys.__stderr__.fileno() if sys.__stderr__ else 2, all_threads=True)
    for name in GROUP_SIGNALS:
        number = getattr(signal, name, None)
        # A handler, not SIG_IGN, which the app's own children would inherit.
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _leave_to_supervisor)


def _leave_to_supervisor(number: int, frame: FrameType | None) -> None:
    pass


def stacks() -> list[dict[str, Any]]:
    import traceback

    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return [
        {"thread": names.get(ident, "?"), "ident": ident, "stack": "".join(traceback.format_stack(frame))}
        for ident, frame in sys._current_frames().items()
    ]


def collect() -> dict[str, Any]:
    import gc

    return {"collected": gc.collect(), "counts": list(gc.get_count())}


def _unknown() -> dict[str, str]:
    return {"error": "unknown command"}


ANSWERS = {"ping": lambda: "pong", "stacks": stacks, "gc": collect, "files": _imported.files}
