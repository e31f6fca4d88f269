"""The worker threads: made when the engine asks for them, interrupted when their request takes too long, waited for at the end.

Belongs to the thread that runs the server; only it calls here. The threads themselves are inside engine.work() all their life.
"""
from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from waitress import _insight
from waitress._timeout import RequestTimeout, stack_from, stack_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress._native import Engine, InterpreterInside

logger = logging.getLogger("waitress")

# Deep recursion in an app must end as RecursionError, which needs more stack than the 8 MiB (macOS: 512 KiB) of a
# platform's default thread. Only address space is reserved; pages count when touched.
STACK_SIZE = 16 * 1024 * 1024

_stack_size_lock = threading.Lock()


@contextmanager
def sized_stacks() -> Iterator[None]:
    """Threads that are started in this scope have a stack of STACK_SIZE."""
    with _stack_size_lock:  # the size is one setting of the whole interpreter
        previous = threading.stack_size(STACK_SIZE)
        try:
            yield
        finally:
            threading.stack_size(previous)


class Pool:
    """The threads of one engine."""

    def __init__(self, engine: Engine | InterpreterInside, recycle: Callable[[str], None], name: str = "waitress") -> None:
        """``recycle`` is called with the reason when the engine asks for this process to be replaced."""
        self._engine = engine
        self._recycle = recycle
        self._name = name
        self._threads: list[threading.Thread] = []
        self._made = 0

    def start(self, count: int) -> None:
        """Start that many threads, named waitress-0, waitress-1, and so on; raises RuntimeError when the system has no more."""
        # Those that have left: a pool that grows and shrinks for weeks must not remember them all.
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        with sized_stacks():
            for _ in range(count):
                thread = threading.Thread(target=self._engine.work, name=f"{self._name}-{self._made}", daemon=True)
                self._made += 1
                thread.start()
                self._threads.append(thread)

    def obey(self) -> None:
        """Do what the engine asks for."""
        for order in self._engine.requests():
            try:
                if order[0] == "grow":
                    self._grow(order[1])
                elif order[0] == "timeout":
                    self._interrupt(*order[1:])
                elif order[0] == "stall":
                    self._tell_stall(*order[1:])
                elif order[0] == "collector":
                    self._engine.collector(_insight.collector())
                elif order[0] == "stack":
                    self._engine.answer(order[1], _insight.stack(self._engine, order[2]))
                else:
                    self._recycle(order[1])
            except Exception:
                # A filter or handler of the app's logging that raises must not end the server.
                traceback.print_exc()

    def join(self, seconds: float) -> list[str]:
        """Wait for the threads to end; the names of those that have not."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _grow(self, count: int) -> None:
        try:
            self.start(count)
        except RuntimeError as error:
            # The engine goes on with those it has, and asks again while it needs more.
            logger.error("Could not start %d more thread(s): %s", count, error)

    def _tell_stall(self, thread: int, seconds: float) -> None:
        frame = getattr(self._engine, "frame_of_loop", None)
        stack = stack_of(thread) if frame is None else stack_from(frame())
        if stack:
            logger.error("The event loop has not turned for %.1f s; the stack of its thread:\n%s", seconds, "".join(stack.format()).rstrip("\n"))

    def _interrupt(self, thread: int, number: int, seconds: float, request: str) -> None:
        # Taken first, and whole: from the moment of the exception on it is another stack. If the thread is still in that request
        # afterwards, it was all the time.
        frame = getattr(self._engine, "frame", None)
        stack = stack_of(thread) if frame is None else stack_from(frame(number))
        if self._engine.interrupt(number, RequestTimeout) and stack:
            where = "the stack of its thread, in which RequestTimeout is raised now:\n" + "".join(stack.format()).rstrip("\n")
        else:
            where = "it has ended just now"
        logger.error("%s took longer than request_timeout (%g s); %s", request, seconds, where)
