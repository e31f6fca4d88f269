"""What only Python knows of itself, for metrics and the status page: its garbage collector, and the stack a request is in."""
from __future__ import annotations

import gc

from waitress._timeout import stack_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress._interpreters import Interpreters
    from waitress._native import Engine

GENERATIONS = 3


def collector() -> list[int]:
    """Per generation collections, collected and uncollectable objects, then gc.get_count(); 0 where this Python has fewer generations."""
    stats = gc.get_stats()
    rows = [[each[name] for each in stats] for name in ("collections", "collected", "uncollectable")] + [list(gc.get_count())]
    return [number for row in rows for number in (row + [0] * GENERATIONS)[:GENERATIONS]]


def stack(engine: Engine, request: int) -> str | None:
    """The stack of the thread that has ``request``, innermost call last; None when it has ended."""
    if engine.interpreters:
        # Looking at frames of another interpreter's threads crashes Python; of_interpreters() needs a supervisor, which has time to wait.
        return "One thread's stack can't be had with worker class interpreter; with --supervise all of them are shown"
    thread = engine.thread_of(request)
    found = stack_of(thread) if thread else None
    # If the thread has it still, the stack was that request's all the time.
    if found is None or engine.thread_of(request) != thread:
        return None
    return "".join(found.format()).rstrip("\n")


def of_interpreters(engine: Engine, request: int, interpreters: Interpreters) -> str | None:
    """The stacks of every interpreter: which thread is which request's can't be told apart there."""
    if not engine.thread_of(request):
        return None
    return "\n".join(f"{each['thread']}:\n{each['stack']}" for each in interpreters.stacks())
