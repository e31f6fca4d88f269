"""Inside a worker of class interpreter: an interpreter with its own GIL in the server's process (PEP 684).

The engine makes the interpreter and calls serve() in it, on what is its main thread. Nothing here sees the main interpreter's
objects: `worker` is a namespace of functions of the engine, made for this interpreter. What this interpreter writes to
standard error and to its logging is its own affair; what the app failed at is told as text.
"""
from __future__ import annotations

import logging
import re
import sys
import threading
import time

from waitress import _app, _interface, _logging
from waitress._pool import Pool
from waitress._timeout import stack_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from waitress._native import InterpreterInside

# How long threads of the app are waited for at the end; with one that stays the interpreter can't be ended.
END_SECONDS = 5.0
# How long threads still inside the app are waited for once the server has ended; as waitress.server does.
JOIN_SECONDS = 5.0

_REFUSAL = re.compile(r"sub-?interpreter", re.IGNORECASE)
_refused: list[str] = []


def serve(worker: InterpreterInside) -> None:
    """Load the app, serve until the engine orders to leave, and end every thread that can be ended."""
    # From 3.13 on threading takes the first thread of the process for the main one of every interpreter, and would make a
    # stand-in for this one whose end, with the interpreter, writes an error message.
    getattr(threading, "_active", {}).setdefault(threading.get_ident(), threading.main_thread())
    watch_extensions(worker)
    try:
        app = _app.load(worker.app, worker.call)
        interface = _interface.choose(app, worker.values.get("interface", "auto"))
        if worker.decide(interface) != interface:
            # Only at a replacement: the engine's way of requests was laid at the start.
            raise _app.AppError(f"The app '{worker.app}' is now served by {interface.upper()} and was not at the start: restart the server")
        _logging.set_up(worker.logging, worker=worker.name, patient=bool(worker.logging.get("patient")))
        served = _Loop(worker, app) if interface == "asgi" else _Threads(worker, app)
    except _app.AppError as error:
        worker.failed(explain(worker.app, error), isinstance(error, _app.StartUpError))
        end_threads(worker)
        return
    worker.serving(served.loop_name, served.note)
    reports: dict[str, Any] = {}
    while not worker.leaving():
        worker.wait(True)
        served.obey()
        _answer(worker, served, reports)
    worker.retire()
    deadline = None
    while served.is_alive() and (deadline is None or time.monotonic() < deadline):
        worker.wait(False)
        served.obey()
        _answer(worker, served, reports)
        if deadline is None and worker.ended():
            deadline = time.monotonic() + served.end_seconds
    del app, served
    end_threads(worker)


class _Threads:
    """A WSGI app and its threads. Requests that have begun are finished, however long they take, as long as the server itself goes on."""

    loop_name = note = ""
    end_seconds = JOIN_SECONDS

    def __init__(self, worker: InterpreterInside, app: Any) -> None:
        self._pool = Pool(worker, worker.recycle, worker.name)
        self.obey = self._pool.obey
        self._pool.start(worker.attach(app))

    def is_alive(self) -> bool:
        return bool(self._pool.join(0.0))

    def tasks(self) -> list[dict[str, Any]]:
        return []


class _Loop:
    """An ASGI app and its event loop, on a thread beside this one, which must stay free for orders. Its end takes graceful_timeout, twice at most."""

    def __init__(self, worker: InterpreterInside, app: Any) -> None:
        from waitress._asgi import EventLoop

        self.obey = Pool(worker, worker.recycle).obey  # for orders alone
        self._loop = EventLoop(worker, app, worker.values, f"{worker.name}-loop")
        self._loop.start()
        self.loop_name, self.note = self._loop.name, self._loop.note
        self.is_alive, self.tasks = self._loop.is_alive, self._loop.tasks
        self.end_seconds = self._loop.end_seconds + JOIN_SECONDS


def _answer(worker: InterpreterInside, served: _Threads | _Loop, reports: dict[str, Any]) -> None:
    question, _, reader = (worker.asked() or "").partition(" ")
    if question == "memory":
        import json

        from waitress import _memory

        try:
            # Without what is the process's: the main interpreter's report has it.
            made = reports.setdefault(reader, _memory.Reports()).make()
            worker.answer(json.dumps({name: value for name, value in made.items() if name not in ("process", "engine", "interpreters")}))
        except Exception as error:
            worker.answer(json.dumps({"error": f"{type(error).__name__}: {error}"}))
    elif question == "reopen":
        from waitress import _reopen

        try:
            worker.answer(str(_reopen.reopen()))
        except Exception as error:
            worker.answer("0")
            _logging.log("waitress", logging.ERROR, "Log files can't be opened anew: %s", error)
    elif question:
        try:
            worker.answer(_stacks(worker) + "".join(f"Task {each['task']}:\n{each['stack']}" for each in served.tasks()))
        except Exception as error:  # a question must never end the worker
            worker.answer(f"{type(error).__name__}: {error}")


def _stacks(worker: InterpreterInside) -> str:
    """Of all threads here, innermost call last. Neither sys._current_frames(), which makes frames of every interpreter's threads in this one's memory
    and so crashes Python, nor faulthandler, which CPython 3.12 and 3.13 load in the main interpreter only."""
    told = []
    for frame in worker.frames():
        stack, outermost = stack_from(frame), frame
        while outermost.f_back is not None:
            outermost = outermost.f_back
        # threading begins each of its threads in a method of the thread.
        thread = outermost.f_locals.get("self")
        name = thread.name if isinstance(thread, threading.Thread) else "main thread"
        told.append(f"Thread {name}:\n{''.join(stack.format()) if stack else ''}")
    return "".join(told)


def watch_extensions(worker: InterpreterInside) -> None:
    """Note the extension modules that refuse, and on 3.12 have the main interpreter load each one before this one does.

    CPython refuses a module that knows of one interpreter only after its initialization, which in 3.12 runs here: its static types
    then point into the memory of an interpreter that ends, and the next one crashes. Loaded by the main interpreter first,
    it is refused before. From 3.13 on CPython does the same by itself.
    """
    from importlib.machinery import ExtensionFileLoader

    create, execute = ExtensionFileLoader.create_module, ExtensionFileLoader.exec_module

    def create_module(self: ExtensionFileLoader, spec: ModuleSpec) -> ModuleType:
        if sys.version_info < (3, 13) and spec.origin:
            worker.admit(spec.name, spec.origin)
        try:
            return create(self, spec)
        except ImportError as error:
            _note(spec.name, error)
            raise

    def exec_module(self: ExtensionFileLoader, module: ModuleType) -> None:
        try:
            execute(self, module)
        except ImportError as error:
            _note(module.__name__, error)
            raise
        except AttributeError as error:
            # _zoneinfo of 3.12 takes the C part of datetime for granted; zoneinfo's own Python needs an ImportError to step in.
            if _refused:
                raise ImportError(f"{error} (refused in this interpreter: {', '.join(_refused)})", name=module.__name__) from error
            raise

    ExtensionFileLoader.create_module = create_module  # type: ignore[method-assign]
    ExtensionFileLoader.exec_module = exec_module  # type: ignore[method-assign]


def load_in_main(name: str, path: str) -> None:
    """The main interpreter's part of watch_extensions(); called there by the engine."""
    import _imp
    from types import SimpleNamespace

    if name not in sys.modules:
        try:
            _imp.create_dynamic(SimpleNamespace(name=name, origin=path))  # type: ignore[arg-type]
        except ImportError:
            pass  # the worker's interpreter will meet the same


def _note(name: str, error: ImportError) -> None:
    if _REFUSAL.search(str(error)) and name not in _refused:
        _refused.append(name)


def explain(spec: str, error: _app.AppError) -> str:
    """One line where an extension module of the app's refuses, else what went wrong with its traceback."""
    if isinstance(error, _app.LoopError):
        return str(error)
    for each in _chain(error):
        if isinstance(each, ImportError) and _REFUSAL.search(str(each)) and _refused:
            return (
                f"The app '{spec}' can't run in an interpreter of its own: its extension module {_refused[-1]} supports only one "
                f"interpreter per process. Use worker_class process"
            )
    return str(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def end_threads(worker: InterpreterInside) -> None:
    """Wait until this thread is the interpreter's only one. Idle pool threads are told to end, as Python does at its exit."""
    if worker.alone():
        return
    deadline = time.monotonic() + END_SECONDS
    # concurrent.futures registers its end here; it waits for calls that still run, which may be for ever: not on this thread.
    calls = list(getattr(threading, "_threading_atexits", ()))
    if calls:
        threading.Thread(target=lambda: [call() for call in reversed(calls)], daemon=True).start()
    pause = threading.Event()
    while not worker.alone() and time.monotonic() < deadline:
        pause.wait(0.005)
