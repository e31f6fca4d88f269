"""SIGINT and SIGTERM while a server runs: the first stops gracefully, the second ends the process at once.

In force before the line "Serving on" is written: a supervisor that waits for it may send a signal at once. Only in the main
thread (Python allows no other), and only where the handler is still Python's default: an app that installed its own
handler, or a parent that had a signal ignored, keeps it. What was replaced is put back at the end.
"""
from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket
    from typing import Any

# SIGBREAK is Ctrl-Break, the one console signal a Windows service manager can send to a process group.
NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)

# The handlers of ours that are in force in this process, with what each replaced; one server at most runs in the main thread
# at a time, and the handlers of one that runs inside another's are never installed.
_installed: dict[int, tuple[Any, Any]] = {}
_wakeup_claimed = False
# The signal masks of threads that are about to fork.
_masks: dict[int, set[int]] = {}


@contextmanager
def stop_signals(stop: Callable[[str], None], wake: socket, last: bool = False) -> Iterator[None]:
    """Call ``stop`` with the signal's name at the first one. ``wake`` gets a byte for every signal (it must not block).

    ``last``: after it nothing comes but the interpreter's end. A late second signal then ends the process by the system's own
    action, and not by a KeyboardInterrupt that surfaces in an exit hook.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _wakeup_claimed
    received = 0

    def handle(number: int, frame: object) -> None:
        nonlocal received
        received += 1
        if received == 1:
            stop(signal.Signals(number).name)
        else:
            # The true way to die of a signal, so that a shell or supervisor sees it in the exit status.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # The first process of a container has no such way: the kernel keeps signals without a handler away from it.
            os._exit(128 + number)

    previous_wake = None
    try:
        for name in NAMES:
            number = getattr(signal, name, None)
            previous = None if number is None else signal.getsignal(number)
            if previous in DEFAULTS:
                try:
                    signal.signal(number, handle)
                except ValueError:  # the "main thread" of a sub-interpreter
                    break
                _installed[number] = handle, previous
        previous_wake = _claim_wakeup(wake) if _installed else None
        _wakeup_claimed = previous_wake is not None
        yield
    finally:
        if previous_wake is not None:
            signal.set_wakeup_fd(previous_wake)
        _wakeup_claimed = False
        _put_back(signal.SIG_DFL if last else None)


def hold_for_fork() -> None:
    """Keep the signals with handlers of ours away from this thread while it forks.

    One that hit the child before leave_in_child() would be taken by our handler there and be lost, since a new child forgets
    what its parent had pending: multiprocessing's terminate() would leave a child of a moment's age alive, and wait for it.
    """
    if _installed:
        _masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _installed)


def release_after_fork() -> None:
    """In the parent, and in the child at the end of leave_in_child()."""
    mask = _masks.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def leave_in_child() -> None:
    """A forked child has no server to stop: there the signals mean again what they meant before the server ran, and the
    wake-up bytes of its own signals must not go to the parent. Python has made the forking thread the main one before."""
    global _wakeup_claimed
    if _wakeup_claimed:
        _wakeup_claimed = False
        signal.set_wakeup_fd(-1)
    _put_back()
    release_after_fork()


def _put_back(instead: signal.Handlers | None = None) -> None:
    while _installed:
        number, (handle, previous) = _installed.popitem()
        # An app may have installed its own handler meanwhile: then that one stays.
        if signal.getsignal(number) is handle:
            signal.signal(number, previous if instead is None else instead)


def _claim_wakeup(wake: socket) -> int | None:
    """Have the C-level handler write to ``wake``: a signal may land on a thread other than the main one, whose recv()
    then would not be interrupted. Somebody else's descriptor is left in force. Returns what to put back."""
    previous = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    if previous == -1:
        return previous
    signal.set_wakeup_fd(previous)
    return None
