"""Which processes have ended."""
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# As a shell says of a program that it could not find; here: somebody else has reaped the process, and its code is lost.
UNKNOWN = 127 << 8


def ended(children: list[int]) -> Iterator[tuple[int, int]]:
    """(pid, wait status) of those of ``children`` that have ended. As PID 1 of a container, orphans that were handed to us are reaped
    too, and told; elsewhere other children are the business of the program that we may run in."""
    if os.getpid() == 1:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                return
            yield pid, status
    for child in children:
        try:
            pid, status = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:
            pid, status = child, UNKNOWN
        if pid:
            yield pid, status
