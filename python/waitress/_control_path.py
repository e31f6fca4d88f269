"""Where the control socket of a supervisor is, for the supervisor that makes it and for waitress-ctl that looks for it.

Without ``control_socket`` each supervisor has ``PID.sock`` in a folder that only its user can enter: in XDG_RUNTIME_DIR
(XDG base directories), for root in /run, else in the folder for temporary files.
"""
from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".sock"
RUN = "/run"  # of the Filesystem Hierarchy Standard; root's only
# sun_path holds 104 bytes on macOS and the BSDs, 108 on Linux, the NUL included.
MAX_PATH = 103
PIPES = "\\\\.\\pipe\\"
# sys/un.h of macOS: the options of level SOL_LOCAL (0) that Python has no names for.
LOCAL_PEERPID = 2


def folders() -> list[str]:
    """Where a supervisor of this user may have put its socket, the likeliest first. None of them need exist."""
    found = []
    user = os.geteuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _owner(runtime) == user:  # sudo may leave the variable of somebody else
        found.append(os.path.join(runtime, "waitress"))
    if user == 0 and os.path.isdir(RUN):
        found.append(os.path.join(RUN, "waitress"))
    found.append(os.path.join(tempfile.gettempdir(), f"waitress-{user}"))
    return found


def default() -> str:
    """The path for this process, its folder made and checked. OSError, with a text for the log, where there is none."""
    reason = "no folder"
    for folder in folders():
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            reason = f"{folder}: {error.strerror}"
            continue
        fault = _fault(folder)
        if fault is None and os.access(folder, os.W_OK | os.X_OK):
            return os.path.join(folder, f"{os.getpid()}{SUFFIX}")
        reason = f"{folder} {fault or 'is not writable'}"
    raise OSError(f"There is no place for the control socket: {reason}")


def pipe_name(text: str) -> str:
    """Windows: the name of a pipe, stated with or without what the paths of all pipes begin with."""
    return text[len(PIPES):] if text.lower().startswith(PIPES) else text


def check_stated(path: str) -> None:
    """Refuse a folder in which others could put a socket of theirs in place of ours."""
    if len(os.fsencode(path)) > MAX_PATH:
        raise OSError(f"The control socket {path} is too long a path for a unix socket, {MAX_PATH} bytes at most")
    found = os.stat(os.path.dirname(path))
    others_write = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
    if found.st_uid not in (0, os.geteuid()) or others_write:
        raise OSError(f"The control socket {path} can't be in a folder that other users own or may write to")


def living() -> Iterator[str]:
    """Paths in the default folders behind which a supervisor answers."""
    for folder in folders():
        if _owner(folder) != os.geteuid() or _fault(folder) is not None:
            continue
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if name.endswith(SUFFIX) and connects(path):
                yield path


def sweep(folder: str) -> None:
    """Remove what servers left that were killed."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(SUFFIX) and not connects(path):
            os.unlink(path)


def connects(path: str) -> bool:
    """Whether a process listens there. A server too busy to accept counts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def listener(path: str) -> int | None:
    """The process that listens at ``path``, 0 where the system does not tell; None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(path)
        except BlockingIOError:
            return 0
        except OSError:
            return None
        if hasattr(socket, "SO_PEERCRED"):
            return peer(client)[0]
        if sys.platform == "darwin":
            return client.getsockopt(0, LOCAL_PEERPID)
    return 0


def peer(connection: socket.socket) -> tuple[int, int, int]:
    """Process, user and group of the other end; Linux only (unix(7), SO_PEERCRED)."""
    size = struct.calcsize("3i")
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))  # type: ignore[return-value]


def _fault(folder: str) -> str | None:
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}"
    return "is open to other users" if found.st_mode & 0o077 else None


def _owner(path: str) -> int | None:
    try:
        return os.stat(path).st_uid
    except OSError:
        return None
