"""SIGUSR2: a second supervisor, of the program as it is on the disk now, on the same sockets.

Both serve until one of them is ended: SIGTERM to the old one completes the upgrade, SIGTERM to the new one takes it back. Whoever
ends while the other one lives leaves the sockets, and a unix socket's file, to the other.
"""
from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import NamedTuple

from waitress.supervisor import _signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

logger = logging.getLogger("waitress.supervisor")

VARIABLE = "WAITRESS_UPGRADE"


class Upgrade:
    """The other supervisor: our parent when we were started by it, or our child. ``command`` is the whole command line.

    ``folder`` is where it was given, before ``--chdir``; ``environment`` holds what this one took out of the environment and the new one needs.
    """

    def __init__(
        self, command: list[str], parent: int | None = None, folder: str | None = None, environment: dict[str, str] | None = None
    ) -> None:
        self._command = command
        self._directory = folder or os.getcwd()
        self._environment = environment or {}
        self._parent = parent
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def shared(self) -> bool:
        """Whether another supervisor serves the same sockets."""
        return self._child is not None or (self._parent is not None and os.getppid() == self._parent)

    @property
    def pids(self) -> list[int]:
        return [] if self._child is None else [self._child.pid]

    def start(self, sockets: list[int], more: dict[str, Any] | None = None) -> None:
        """``more`` is what Figures.handing_over() gave."""
        if self.shared:
            logger.error("SIGUSR2 is refused: an earlier upgrade is not complete; end one of its two supervisors first")
            return
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
        environ.update(self._environment)
        more = more or {}
        environ[VARIABLE] = json.dumps({"sockets": list(sockets), "pid": os.getpid(), **more})
        descriptors = [*sockets, *more.get("admin", []), *([more["ready"]] if "ready" in more else [])]
        try:
            self._child = subprocess.Popen(self._command, env=environ, pass_fds=descriptors, cwd=self._directory)
        except OSError as error:
            logger.error("Upgrade: the new supervisor can't be started: %s", error)
            return
        logger.info(
            "Upgrade: the new supervisor is process %d. SIGTERM to this one (%d) completes it, SIGTERM to the new one takes it back",
            self._child.pid, os.getpid(),
        )  # fmt: skip

    def reaped(self, pid: int, status: int) -> bool:
        """Whether that was the new supervisor."""
        if self._child is None or pid != self._child.pid:
            return False
        self._child.returncode = os.waitstatus_to_exitcode(status)
        self._child = None
        logger.warning("Upgrade: the new supervisor (pid %d) %s; this one goes on", pid, _signals.describe(status))
        return True


class Inherited(NamedTuple):
    """What the supervisor left that started this one: its sockets and its pid, those of its admin address and where that is, and a descriptor
    on which it hears that this one answers there."""

    sockets: list[int] = []
    parent: int | None = None
    admin: list[int] = []
    admin_listen: str | None = None
    ready: int = -1


def take(environ: MutableMapping[str, str]) -> Inherited:
    """From the supervisor that started this one by SIGUSR2; nothing without one. Taken once."""
    text = environ.pop(VARIABLE, None)
    if text is None:
        return Inherited()
    told = json.loads(text)
    if told["pid"] != os.getppid():
        return Inherited()  # inherited by mistake, or the old one is gone already and its descriptors may be anything
    inherited = Inherited(told["sockets"], told["pid"], told.get("admin", []), told.get("admin_listen"), told.get("ready", -1))
    for fd in (*inherited.sockets, *inherited.admin, inherited.ready):
        if fd >= 0:
            os.set_inheritable(fd, False)
    return inherited


def command_line() -> list[str]:
    """How this process was started, for a second time."""
    return [sys.executable, *sys.orig_argv[1:]]
