"""SIGINT and SIGTERM while a server runs: the first stops gracefully, the second ends the process at once.

Only in the main thread (Python allows no other), and only where the handler is still Python's default: an app that
installed its own handler, or a parent that had a signal ignored, keeps it. What was replaced is put back at the end.
"""
from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

# SIGBREAK is Ctrl-Break, the one console signal a Windows service manager can send to a process group.
NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)


@contextmanager
def stop_signals(stop: Callable[[str], None], wake: socket) -> Iterator[None]:
    """Call ``stop`` with the signal's name at the first one. ``wake`` gets a byte for every signal (it must not block)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = {}
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
                ours[number] = previous
        previous_wake = _claim_wakeup(wake) if ours else None
        yield
    finally:
        if previous_wake is not None:
            signal.set_wakeup_fd(previous_wake)
        for number, previous in ours.items():
            # An app may have installed its own handler meanwhile: then that one stays.
            if signal.getsignal(number) is handle:
                signal.signal(number, previous)


def _claim_wakeup(wake: socket) -> int | None:
    """Have the C-level handler write to ``wake``: a signal may land on a thread other than the main one, whose recv()
    then would not be interrupted. Somebody else's descriptor is left in force. Returns what to put back."""
    previous = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    if previous == -1:
        return previous
    signal.set_wakeup_fd(previous)
    return None
