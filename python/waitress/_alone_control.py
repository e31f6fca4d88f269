"""The control socket of a server without a supervisor, where ``control_socket`` names one: what waitress-ctl can ask of one process.

On Unix the supervisor's own socket with a loop of its own, on Windows a named pipe of the engine's. Either way one thread of its own obeys, one
command after the other, so that nothing that is asked holds up the main thread or a request.
"""
from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager

from waitress import _logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from waitress.server import Server
    from waitress.supervisor._commands import Reply

NAME = "main"  # of the one worker
# A memory report may be under way when the server ends.
JOIN_SECONDS = 5.0


class Commands:
    """One method per command; each gives the answer, in the supervisor's form."""

    NAMES = ("status", "workers", "reopen", "stacks", "gc", "memory")

    def __init__(self, worker_class: str) -> None:
        self._worker_class = worker_class
        self._started = time.monotonic()
        self._stopping = False
        self._server: Server | None = None
        self._begin_stop: Callable[[], object] = lambda: None
        self._reports: Any = None

    def serves(self, server: Server, stop: Callable[[], object]) -> None:
        """From now on there is something to ask. ``stop`` begins the graceful stop, on any thread."""
        self._begin_stop, self._server = stop, server

    def run(self, name: str, arguments: Mapping[str, Any], reply: Reply) -> None:
        if self._server is None:
            reply({"error": "The server is starting"})
            return
        if name == "stop":
            reply({"ok": True})  # first: afterwards the process may be gone
            self._end(arguments, self._server)
        elif name in self.NAMES:
            reply(getattr(self, "_" + name)(arguments, self._server))
        else:
            reply({"error": f"{name} needs a supervisor, which this server has not (docs/workers.md)"})

    def _status(self, arguments: Mapping[str, Any], server: Server) -> dict[str, Any]:
        return {
            "pid": os.getpid(), "supervised": False, "state": "stopping" if self._stopping else "serving", "generation": 1,
            "uptime": time.monotonic() - self._started, "listen": [list(each) for each in server.effective_listen],
            "worker_class": self._worker_class, "wanted": 1, **self._workers(arguments, server),
        }  # fmt: skip

    def _workers(self, arguments: Mapping[str, Any], server: Server) -> dict[str, Any]:
        from waitress.supervisor import _recycle

        pid = os.getpid()
        rest = {"generation": 1, "age": time.monotonic() - self._started, "rss": _recycle.resident(pid), **server._engine.figures()}
        return {"workers": [{"name": NAME, "pid": pid, "state": "stopping" if self._stopping else "ready", **rest}]}

    def _reopen(self, arguments: Mapping[str, Any], server: Server) -> dict[str, Any]:
        return _each({"files": server.reopen()})

    def _stacks(self, arguments: Mapping[str, Any], server: Server) -> dict[str, Any]:
        return _each(server.stacks())

    def _gc(self, arguments: Mapping[str, Any], server: Server) -> dict[str, Any]:
        from waitress import _worker

        return _each(_worker.collect())

    def _memory(self, arguments: Mapping[str, Any], server: Server) -> dict[str, Any]:
        reports = self._reports = self._reports or server._reports("control")
        return _each(reports.make(max(0, int(arguments["limit"]))) if "limit" in arguments else reports.make())

    def _end(self, arguments: Mapping[str, Any], server: Server) -> None:
        self._stopping = True
        _logging.log("waitress", logging.INFO, "waitress-ctl: %s", "the connections are closed" if arguments.get("quick") else "finishing the requests in flight")
        if arguments.get("quick"):
            server._engine.stop(False)
        else:
            self._begin_stop()


def _each(result: Any) -> dict[str, Any]:
    return {"workers": [{"name": NAME, "pid": os.getpid(), "result": result}]}


class Socket:
    """A unix socket. OSError, ready to print, when it can't be had there."""

    def __init__(self, path: str, commands: Commands) -> None:
        from waitress.supervisor._control import Control
        from waitress.supervisor._loop import Loop

        self._loop = Loop()
        try:
            self._control = Control(self._loop, commands.run, path)
        except BaseException:
            self._loop.close()
            raise
        self._thread = threading.Thread(target=self._loop.run, name="waitress-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._loop.stop_from_outside()
        self._thread.join(JOIN_SECONDS)
        if not self._thread.is_alive():
            self._control.close()
            self._loop.close()


class Pipe:
    """A named pipe of Windows; the same."""

    def __init__(self, name: str, commands: Commands) -> None:
        from waitress import _control_path, _native

        self._pipe = _native.control_pipe(_control_path.pipe_name(name))
        self._commands = commands
        self._thread = threading.Thread(target=self._run, name="waitress-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._pipe.close()
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        from waitress.supervisor import _control

        while (line := self._pipe.take()) is not None:
            _control.obey(line, self._commands.run, lambda result: self._pipe.answer(_control.answer(result).decode().rstrip("\n")))


@contextmanager
def opened(path: str | None, commands: Commands) -> Iterator[None]:
    """A control socket for as long as the scope lasts; none where ``path`` is None."""
    if path is None:
        yield
        return
    end = Pipe(path, commands) if os.name == "nt" else Socket(path, commands)
    try:
        yield
    finally:
        end.close()
