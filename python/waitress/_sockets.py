"""The ``sockets`` keyword: socket objects the caller bound, checked here because only Python knows their kind."""
from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

UNIX = getattr(socket, "AF_UNIX", None)
FAMILIES = {socket.AF_INET, socket.AF_INET6} | ({UNIX} if UNIX is not None else set())


_lowest = 3


def duplicate(sock: socket.socket) -> int:
    """A descriptor of the same socket for the engine to own and close, with a number that no earlier one had.

    A closed duplicate stays in the engine's event queue as long as the caller's socket is open (epoll(7), question 6), and
    a new one of the same number could not be added to it.
    """
    global _lowest
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: no descriptors, and handles are not reused this way
        return sock.dup().detach()
    try:
        descriptor = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, _lowest)
    except OSError:  # the limit of open files is reached: begin anew at the bottom
        descriptor = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
    _lowest = descriptor + 1
    return descriptor


def check(sockets: Iterable[socket.socket]) -> list[str]:
    """Every fault of the sockets, in words; empty when the engine may have their descriptors."""
    faults = []
    kinds = set()
    for index, sock in enumerate(sockets):
        if not isinstance(sock, socket.socket):
            faults.append(f"sockets: item {index} is a {type(sock).__name__}, not a socket")
        elif sock.fileno() < 0:
            faults.append(f"sockets: item {index} is closed")
        elif sock.family not in FAMILIES or sock.type != socket.SOCK_STREAM:
            faults.append(f"sockets: item {index} is not an Internet or Unix stream socket")
        else:
            kinds.add(sock.family == UNIX)
    if len(kinds) == 2:
        faults.append("sockets: Internet and Unix sockets can't be mixed in one server")
    return faults
