"""The workers of class interpreter, seen from the main interpreter: made, replaced one by one, told to leave, waited for.

Each is a Python thread of the main interpreter that is inside the engine all its life, where it runs another interpreter
(waitress._interpreter). start() and end() belong to the thread that runs the server, replace() to any thread.
"""
from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from waitress._app import AppError, StartUpError
from waitress._pool import sized_stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from waitress._native import Configured, Engine, InterpreterWorker

logger = logging.getLogger("waitress")

# A supervisor's question is answered within seconds, also where an interpreter computes without pause in C.
STACKS_SECONDS = 2.0
MEMORY_SECONDS = 30.0
# Less than the supervisor waits for all of them (five seconds), also where one of a few does not answer.
REOPEN_SECONDS = 2.0
# Py_NewInterpreterFromConfig and the per-interpreter GIL came with it (PEP 684).
FIRST_VERSION = (3, 12)
# What waitress._interpreter and waitress._asgi read of the settings.
TOLD_VALUES = ("interface", "loop", "lifespan", "graceful_timeout")


def load_app(configured: Configured, name: str, call: bool) -> Any:
    """The app; of worker class interpreter its name, since only the interpreters import it. AppError when there can't be one."""
    from waitress import _app

    if configured["values"].get("worker_class") != "interpreter":
        return _app.load(name, call)
    if sys.implementation.name != "cpython" or sys.version_info < FIRST_VERSION:
        version = ".".join(map(str, sys.version_info[:3]))
        raise _app.AppError(
            f"worker_class interpreter needs CPython {'.'.join(map(str, FIRST_VERSION))} or newer, and this is "
            f"{sys.implementation.name} {version}: use worker_class process"
        )
    if configured["values"].get("reload"):
        raise _app.AppError("reload does not see what worker_class interpreter imports: use another class while you develop")
    return AppName(name, call)


def end_process(configured: Configured, code: int) -> int:
    """Of worker class interpreter: end the program as Python would, but for taking the main interpreter down. Else: the code.

    That is not safe after others have lived in the process (3.12.1 crashes by itself when one had imported ssl), nor while threads of the app run in one.
    """
    if configured["values"].get("worker_class") != "interpreter":
        return code
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


class AppName(NamedTuple):
    """The app as module:object, in the place of an app object; with ``call`` it is a factory."""

    spec: str
    call: bool = False


class Interpreters:
    """The interpreters of one server. The app is named, since no object can pass from one interpreter to another."""

    def __init__(self, engine: Engine, app: AppName, logging_settings: dict[str, Any], values: Mapping[str, Any]) -> None:
        self._engine, self._app, self._logging = engine, app, logging_settings
        self._values = {name: values[name] for name in TOLD_VALUES if name in values}
        self._lock = threading.Lock()
        self._workers: list[tuple[InterpreterWorker, threading.Thread]] = []
        self._former: list[tuple[InterpreterWorker, threading.Thread]] = []
        self._made = 0
        self._loop = ""  # its name, of an ASGI app

    def describe(self) -> str:
        """For the line that is logged at the start."""
        count, threads = self._engine.interpreters, self._engine.threads
        if self._loop:
            return f"ASGI app on {count} interpreter{'s' * (count != 1)} with one event loop ({self._loop}){' each' * (count != 1)}"
        most = count * threads
        return f"{count} interpreter{'s' * (count != 1)} with {threads} thread{'s' * (threads != 1)} each, {most} request{'s' * (most != 1)} served at once"

    @property
    def names(self) -> list[str]:
        """Of those that serve."""
        with self._lock:
            return [worker.name for worker, _ in self._workers]

    def start(self, wait: Callable[[], None]) -> None:
        """Make them and load the app in each, one after the other: so an app that can't be loaded says so once, and no two interpreters import the
        same extension module at the same moment, for which CPython is not ready everywhere.

        ``wait`` waits for the engine's wake-up byte. Raises AppError when the app can't be loaded, StartUpError when an ASGI app refuses to start.
        """
        # CPython 3.13.0 frees the shared types of _datetime with the first interpreter that ends, unless the main one has imported it before
        # them: two `_interpreters.create("isolated")` that import datetime, then two destroy(), and the process aborts.
        import datetime  # noqa: F401

        for _ in range(self._engine.interpreters):
            made = self._make()
            while made[0].state()[0] == "starting":
                wait()
            with self._lock:
                self._workers.append(made)
            self._check(made[0])
            if not self._loop:
                self._loop, note = made[0].loop()
                if note:  # once: it is the same in all
                    logger.info("%s", note)

    def replace(self, name: str) -> str:
        """Have a new interpreter serve in place of the one of that name, which finishes its requests and ends; others serve meanwhile.

        Returns the new one's name when the old one is gone. Raises AppError when the app can't be loaded anew, or refuses to start: then the old one stays.
        """
        fresh = self._make()
        fresh[0].wait()
        try:
            self._check(fresh[0])
        except AppError:
            fresh[1].join()
            raise
        with self._lock:
            old = next((each for each in self._workers if each[0].name == name), None)
            if old is not None:
                self._workers.remove(old)
                self._former.append(old)
            self._workers.append(fresh)
        if old is None:
            raise KeyError(name)
        old[0].leave()
        old[1].join()
        self._note_end(old[0])
        with self._lock:
            self._former.remove(old)
        return fresh[0].name

    def stacks(self) -> list[dict[str, Any]]:
        """The stacks of every interpreter's threads, innermost call first."""
        none = f"  no answer within {STACKS_SECONDS:g} seconds\n"
        return [{"thread": worker.name, "ident": 0, "stack": worker.ask("stacks", STACKS_SECONDS) or none} for worker in self._all()]

    def memory(self, reader: str) -> list[dict[str, Any]]:
        """The memory report of every interpreter, one after the other: its own Python objects."""
        none = json.dumps({"error": f"no answer within {MEMORY_SECONDS:g} seconds"})
        return [{"name": worker.name, **json.loads(worker.ask(f"memory {reader}", MEMORY_SECONDS) or none)} for worker in self._all()]

    def reopen(self) -> int:
        """Have every interpreter open the files of its logging anew, those of the app included; how many they were."""
        return sum(int(worker.ask("reopen", REOPEN_SECONDS) or 0) for worker in self._all())

    def _all(self) -> list[InterpreterWorker]:
        with self._lock:
            return [worker for worker, _ in self._workers + self._former]

    def end(self, seconds: float) -> list[str]:
        """Tell all to leave and wait for them, for event loops as much longer as their end may take; the names of those whose threads are stuck."""
        if self._loop:
            from waitress._asgi import CANCEL_SECONDS

            seconds += 2 * float(self._values.get("graceful_timeout", 30)) + CANCEL_SECONDS
        deadline = time.monotonic() + seconds
        with self._lock:
            workers = self._workers + self._former
        for worker, _ in workers:
            worker.leave()
        for worker, thread in workers:
            thread.join(max(0.0, deadline - time.monotonic()))
            if not thread.is_alive():
                self._note_end(worker)
        return [worker.name for worker, thread in workers if thread.is_alive() or worker.state()[0] == "left"]

    def _make(self) -> tuple[InterpreterWorker, threading.Thread]:
        with self._lock:
            name = f"waitress-interpreter-{self._made}"
            self._made += 1
        worker = self._engine.interpreter(name, self._app.spec, self._app.call, list(sys.path), list(sys.argv), self._logging, self._values)
        thread = threading.Thread(target=worker.run, name=name, daemon=True)
        with sized_stacks():  # the app is imported on it
            thread.start()
        return worker, thread

    @staticmethod
    def _check(worker: InterpreterWorker) -> None:
        state, problem = worker.state()
        if state == "not started":
            raise StartUpError(problem)
        if state != "serving":
            raise AppError(problem or f"{worker.name} has ended by itself")

    def _note_end(self, worker: InterpreterWorker) -> None:
        if worker.state()[0] == "left":
            logger.warning("%s: threads of the app still run, so its interpreter stays in memory until the process ends", worker.name)
