"""Servers that still run when the interpreter ends, or when the process forks.

Receives every running server in ``running``; promises that the interpreter is not taken down under one, and that a child of fork() neither
waits for its parent's servers nor keeps their ports. Imported with waitress.server, on any thread.
"""
from __future__ import annotations

import atexit
import os
import time

from waitress import _signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.server import Server

# At interpreter exit: for requests in flight, then, after their connections were cut, for the threads to notice.
EXIT_SECONDS = (5.0, 2.0)

running: set[Server] = set()


def _stop_at_exit() -> None:
    """Servers in daemon threads: no engine thread may meet an interpreter that is being taken down."""
    for graceful, seconds in zip((True, False), EXIT_SECONDS):
        deadline = time.monotonic() + seconds
        for server in list(running):
            server._engine.stop(graceful)
        for server in list(running):
            server._finished.wait(max(0.0, deadline - time.monotonic()))


def _leave_servers_in_child() -> None:
    """A child of fork() has no engine threads: it must not wait for its parent's servers when it exits, nor keep their ports."""
    _signals.leave_in_child()
    for server in running:
        server._close_listeners_in_child()
    running.clear()


atexit.register(_stop_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_signals.hold_for_fork,
        after_in_parent=_signals.release_after_fork,
        after_in_child=_leave_servers_in_child,
    )
