"""The event loops of an asynchronous app: each has one Python thread for life, on which the app and the engine's half of its requests run.

Receives the app and the engine; promises that no request comes before the app's start-up is complete, and that at the end its tasks have
finished, or were cancelled and waited for, before it is told of the shutdown. start() and join() belong to the thread that runs the server.
The engine reaches the loop through one socket: a byte on it means that its inbox is to be emptied.
"""
from __future__ import annotations

import asyncio
import inspect
import logging
import socket
import sys
import threading
import time
import traceback
from asyncio import CancelledError

from waitress._app import LoopError
from waitress._lifespan import Lifespan
from waitress._pool import sized_stacks
from waitress._wsgi import ClientDisconnected, log_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from waitress._native import Engine, Inbox, InterpreterInside

logger = logging.getLogger("waitress")

# For tasks that were cancelled to have their finally blocks run.
CANCEL_SECONDS = 2.0

# How often it is looked whether clients have taken the last answers.
ANSWERS_LOOK = 0.05

# Thousands of open WebSockets would make an answer that nobody reads, and that the control socket does not take.
MOST_TASKS_TOLD = 200


async def serve(
    app: Callable[..., Awaitable[None]], scope: dict[str, Any], receive: Any, send: Any, ended: Callable[[BaseException | None], None]
) -> None:  # fmt: skip
    """One request in a task of its own. Whatever the app raises ends here, and is told."""
    try:
        await app(scope, receive, send)
    except BaseException as error:
        ended(error)
    else:
        ended(None)


def wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def stack_of(task: asyncio.Task[Any]) -> str:
    """Where a task waits, from its coroutine to the innermost one that this awaits; task.get_stack() knows the outermost alone."""
    lines: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame, following = None, None
        for kind in ("cr", "gi", "ag"):  # a coroutine, a generator, an asynchronous generator
            frame = frame or getattr(awaited, f"{kind}_frame", None)
            following = following or getattr(awaited, "gi_yieldfrom" if kind == "gi" else f"{kind}_await", None)
        if frame is not None:
            lines += traceback.format_stack(frame, 1)
        awaited = following
    return "".join(lines)


def mark(kind: type[Any]) -> None:
    """Has receive and send, whose type this is, pass for coroutine functions: asgiref's async_to_sync warns of what does not."""
    if hasattr(inspect, "markcoroutinefunction"):  # 3.12
        inspect.markcoroutinefunction(kind)
    elif (marker := getattr(asyncio.coroutines, "_is_coroutine", None)) is not None:
        setattr(kind, "_is_coroutine", marker)


def expire(task: asyncio.Task[None], request: str, seconds: float) -> None:
    """The request is over request_timeout: the client has its 504, and the task is told to end."""
    stack = stack_of(task)
    logger.error("%s took longer than request_timeout (%g s); where its task waits, which is cancelled now:\n%s", request, seconds, stack.rstrip("\n"))
    task.cancel()


class Tools:
    """What the engine calls on the loop's thread."""

    serve = staticmethod(serve)
    wake = staticmethod(wake)
    mark = staticmethod(mark)
    expire = staticmethod(expire)
    log_failure = staticmethod(log_failure)
    ClientDisconnected = ClientDisconnected
    CancelledError = CancelledError
    OSError = OSError

    def __init__(self, loop: asyncio.AbstractEventLoop, state: dict[str, Any] | None) -> None:
        self.create_task = loop.create_task
        self.create_future = loop.create_future
        self.call_soon = loop.call_soon
        self.state = state


def new_loop(kind: str) -> tuple[asyncio.AbstractEventLoop, str]:
    """By the setting loop, and a line for the log when it is not the one that auto would have liked; LoopError when what it names can't be had."""
    module = "winloop" if sys.platform == "win32" else "uvloop"
    note = ""
    if kind != "asyncio":
        try:
            return __import__(module).new_event_loop(), note
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == module
            if kind != "auto":
                raise LoopError(f"loop uvloop: {module} {'is not installed' if missing else 'can not be used here'} ({error})") from error
            if not missing:
                note = f"{module} is installed and can not be used here ({error}): the event loop is asyncio's own"
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop(), note  # the other kind can't wait on our socket
    return asyncio.new_event_loop(), note


class EventLoop:
    """One thread of the app's, with a lifespan of its own."""

    def __init__(self, engine: Engine | InterpreterInside, app: Any, values: Mapping[str, Any], thread: str = "waitress-loop", is_only: bool = False) -> None:
        self._engine, self._app, self._thread_name, self._is_only = engine, app, thread, is_only
        self._patience = float(values.get("graceful_timeout", 30))
        self._lifespan_mode = str(values.get("lifespan", "auto"))
        self._kind = str(values.get("loop", "auto"))
        self.name = ""
        self.note = ""
        self._closed: asyncio.Future[None] | None = None
        self._decided = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Returns when the app has started; AppError when it refuses to."""
        self._loop, self.note = new_loop(self._kind)
        self.name = type(self._loop).__module__.partition(".")[0]
        with sized_stacks():
            self._thread = threading.Thread(target=self._run, name=self._thread_name, daemon=True)
            self._thread.start()
        self._decided.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def end_seconds(self) -> float:
        """How long its end may take from the moment on at which no more requests come: the app's tasks, and its shutdown."""
        return self._patience * 2 + CANCEL_SECONDS

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def leave(self) -> None:
        """End it without the engine's word: a server that never began to accept."""
        if self._loop is not None and self.is_alive():
            try:
                self._loop.call_soon_threadsafe(self._leave)
            except RuntimeError:  # it has ended just now
                pass

    def _leave(self) -> None:
        if self._closed is not None:
            wake(self._closed)

    def join(self, seconds: float) -> list[str]:
        """Wait for the end, which the engine's own has begun: for the app's tasks, its shutdown, and ``seconds`` more."""
        if self._thread is None:
            return []
        self._thread.join(self.end_seconds + seconds)
        return [self._thread.name] if self._thread.is_alive() else []

    def tasks(self) -> list[dict[str, Any]]:
        """Name and stack of each task, outermost call first; any thread."""
        try:
            tasks = asyncio.all_tasks(self._loop) if self._loop is not None else set()
        except RuntimeError:  # they come and go too fast
            return []
        told = [{"task": task.get_name(), "stack": stack_of(task)} for task in list(tasks)[:MOST_TASKS_TOLD]]
        return told + ([{"task": f"and {len(tasks) - MOST_TASKS_TOLD} more", "stack": ""}] if len(tasks) > MOST_TASKS_TOLD else [])

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._main(loop))
        except BaseException as error:
            if self._decided.is_set():
                logger.error("The event loop has ended", exc_info=error)
                self._engine.stop(False)
            self._failure = error
        finally:
            self._decided.set()
            try:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()

    async def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        lifespan = Lifespan(self._app, self._lifespan_mode)
        await lifespan.start()
        receiver, sender = socket.socketpair()
        with receiver, sender:
            receiver.setblocking(False)
            closed = self._closed = loop.create_future()
            inbox = self._engine.loop(self._app, Tools(loop, lifespan.state if lifespan.task is not None else None), sender.fileno(), self._is_only)
            sockets = inbox.descriptor()

            def turn() -> None:
                try:
                    receiver.recv(4096)
                except BlockingIOError:
                    pass
                if not inbox.drain():
                    wake(closed)

            def poll() -> None:
                if not inbox.poll():
                    wake(closed)

            loop.add_reader(receiver.fileno(), turn)
            if sockets >= 0:
                loop.add_reader(sockets, poll)
            self._decided.set()
            try:
                await closed
                await self._finish(lifespan, inbox)
            finally:
                try:
                    loop.remove_reader(receiver.fileno())
                    if sockets >= 0:
                        loop.remove_reader(sockets)
                finally:
                    inbox.close()
        await lifespan.stop(self._patience)

    async def _finish(self, lifespan: Lifespan, inbox: Inbox) -> None:
        """What the app has started and not finished: background work of answered requests, tasks of its own; and, where this loop ends
        while the server goes on, requests, and answers that their clients have not taken yet."""
        deadline = time.monotonic() + self._patience
        own = {asyncio.current_task(), lifespan.task}
        while tasks := asyncio.all_tasks() - own:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            await asyncio.wait(tasks, timeout=left)
        while inbox.unanswered() and time.monotonic() < deadline:
            await asyncio.sleep(ANSWERS_LOOK)  # seldom and for a moment: not worth an event of its own
        if not tasks:
            return
        logger.warning("%d task(s) of the app still ran after graceful_timeout (%g s); they are cancelled", len(tasks), self._patience)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
