"""What request_timeout means to Python: the exception, and the stack of the thread that took too long."""
from __future__ import annotations

import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


class RequestTimeout(BaseException):
    """Raised inside the app, in the thread whose request is over ``request_timeout``; the client has had its answer (504) by then.

    Not an Exception, as SystemExit, KeyboardInterrupt and asyncio.CancelledError are not: ``except Exception`` around a retry loop or
    a handler would keep it from ending the request. ``finally`` and context managers run as ever; whoever catches it should let it go on.
    It comes between two bytecodes, so any line of the app may be the one; a call in C that waits is not broken off, but followed by it.
    """

    __module__ = "waitress"


def stack_of(thread: int) -> traceback.StackSummary | None:
    """The Python stack of a thread by its ident, innermost call last; None when it has none. Lines of source are looked up later.

    Not where there are several interpreters: sys._current_frames() then makes frames of the others' threads too, and Python crashes.
    """
    return stack_from(sys._current_frames().get(thread))


def stack_from(frame: FrameType | None) -> traceback.StackSummary | None:
    """The same for a frame."""
    if frame is None:
        return None
    stack = traceback.StackSummary.extract(traceback.walk_stack(frame), lookup_lines=False)
    stack.reverse()
    return stack
