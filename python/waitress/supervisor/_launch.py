"""Starts worker processes: spawned, never forked from, since the engine can't live in a forked child and the supervisor has no app to share."""
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from waitress.supervisor._board import Board

VARIABLE = "WAITRESS_WORKER"
# Announce descriptors of this process; in a worker they would name other files.
NOT_INHERITED = (VARIABLE, "WAITRESS_UPGRADE", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Started:
    """A process that was started, and our ends of what it was given. ``popen`` is never waited for: the supervisor reaps."""

    def __init__(self, popen: subprocess.Popen[bytes], control: socket.socket, errors: int) -> None:
        self.popen, self.control, self.errors = popen, control, errors
        self.pid = popen.pid


class Launch:
    """What all workers have in common.

    ``arguments``: the program's own (without its name), which the worker reads again. ``extra``: further keys of the handoff.
    ``metrics``: the file of the metrics' board. ``options``: keywords of subprocess.Popen, for folder, user and group; ``environment``: variables that name that user.
    """

    def __init__(
        self, arguments: list[str], sockets: list[int], board: Board, extra: dict[str, Any] | None = None, options: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None, metrics: int | None = None,
    ) -> None:  # fmt: skip
        self._arguments = arguments
        self._metrics = [] if metrics is None else [metrics]
        self._sockets = sockets
        self._board = board
        self._extra = extra or {}
        self._options = options or {}
        # Only the workers': the supervisor may be root, and must not take modules from another user's home after an upgrade.
        self._environment = environment or {}
        # A pair per slot, kept for all workers that the slot will have: others may hold the sending end for long.
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(board.slots)]
        for pair in pairs:
            for end in pair:
                end.setblocking(False)
        self._wakers = [sender for sender, _ in pairs]
        self._receivers = [receiver for _, receiver in pairs]

    def start(self, slot: int, name: str, generation: int, max_requests: int, again: bool = False) -> Started:
        """OSError when the system can't. ``again``: the service runs, and this worker is not to judge anew what was good at its start."""
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        try:
            ours.setblocking(False)
            wakers = [sender.fileno() for sender in self._wakers]
            waker = self._receivers[slot].fileno()
            handoff = {
                "slot": slot, "slots": self._board.slots, "name": name, "sockets": self._sockets, "board": self._board.fd,
                "wakers": wakers, "waker": waker, "control": theirs.fileno(), "max_requests": max_requests,
                "generation": generation, "again": again, "metrics": self._metrics[0] if self._metrics else -1, **self._extra,
            }  # fmt: skip
            environ = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
            environ.update(self._environment)
            environ[VARIABLE] = json.dumps(handoff)
            popen = subprocess.Popen(
                [sys.executable, *_flags(), "-m", "waitress", *self._arguments],
                env=environ, stderr=writing, **self._options,
                pass_fds=[*self._sockets, self._board.fd, *self._metrics, *wakers, waker, theirs.fileno()],
            )  # fmt: skip
        except BaseException:
            ours.close()
            os.close(reading)
            raise
        finally:
            theirs.close()
            os.close(writing)
        return Started(popen, ours, reading)

    def wake_all(self) -> None:
        """Workers that wait to be allowed to accept look anew: a load they compare with has gone."""
        for sender in self._wakers:
            try:
                sender.send(b"\0")
            except OSError:
                pass

    def close(self) -> None:
        for end in (*self._wakers, *self._receivers):
            end.close()


def first_path() -> str | None:
    """What this process has as the first place of its import path by the way it was started; None where that was switched off."""
    return None if sys.flags.isolated or getattr(sys.flags, "safe_path", False) else sys.path[0]


def _flags() -> list[str]:
    # multiprocessing passes an interpreter's switches on by the same function.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    # "-m" would let a folder `waitress` of the current directory hide this package; the worker gets first_path() by the handoff.
    return [*flags, "-P"] if sys.version_info >= (3, 11) and "-P" not in flags and "-I" not in flags else flags
