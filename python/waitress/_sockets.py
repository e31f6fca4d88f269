"""The ``sockets`` keyword: socket objects the caller bound, checked here because only Python knows their kind."""
from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

UNIX = getattr(socket, "AF_UNIX", None)
FAMILIES = {socket.AF_INET, socket.AF_INET6} | ({UNIX} if UNIX is not None else set())


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
