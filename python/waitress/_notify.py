"""What the service manager is told: systemd's notification protocol (sd_notify(3)), with nothing but a datagram socket.

Without ``NOTIFY_SOCKET`` in the environment every method does nothing. The variables are taken out of the environment, as
sd_notify's unset_environment does: neither a worker nor a program that the app starts may speak for the service.
Any thread may send; nothing waits longer than a second, and a manager that does not listen is no error of the service.
"""
from __future__ import annotations

import logging
import os
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

logger = logging.getLogger("waitress")

# For what must arrive (READY, STOPPING): systemd empties its socket within milliseconds unless the machine is very busy.
SEND_SECONDS = 1.0


class Notify:
    """One service's line to its manager."""

    def __init__(self, environ: MutableMapping[str, str] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        environ = os.environ if environ is None else environ
        name = environ.pop("NOTIFY_SOCKET", "")
        watchdog, process = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        self._clock = clock
        self._name = name
        self._address = _address(name)
        self._told_failure = False
        self._status = ""
        self._last_beat = float("-inf")
        self.interval: float | None = None
        """Seconds between two beats for the watchdog: half of what the manager allows, as sd_watchdog_enabled(3) advises. None without a watchdog."""
        if self._address and watchdog.isdigit() and int(watchdog) and process in ("", str(os.getpid())):
            self.interval = int(watchdog) / 2_000_000
        self._watchdog = watchdog

    def __bool__(self) -> bool:
        return self._address is not None

    def ready(self, status: str) -> None:
        """The service accepts connections; also the end of a reload."""
        self._status = status
        self._send(SEND_SECONDS, "READY=1", f"STATUS={status}")
        self.beat()

    def reloading(self) -> None:
        # The time lets the manager tell this reload from an earlier one (Type=notify-reload).
        self._send(SEND_SECONDS, "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reloading")
        self._status = "Reloading"

    def stopping(self) -> None:
        self._status = "Finishing the requests in flight"
        self._send(SEND_SECONDS, "STOPPING=1", f"STATUS={self._status}")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; sent only when it differs from the last one."""
        if text != self._status:
            self._status = text
            self._send(0, f"STATUS={text}")

    def beat(self) -> None:
        """The service is alive. May be called as often as one likes: at most every other half interval is sent."""
        if self.interval is not None and self._clock() - self._last_beat >= self.interval / 2:
            self._last_beat = self._clock()
            self._send(0, "WATCHDOG=1")

    def main_process(self, process: int) -> None:
        """From now on ``process`` is the service, and the only one the manager listens to."""
        self._send(SEND_SECONDS, f"MAINPID={process}")

    def environment(self) -> dict[str, str]:
        """The variables for a program that takes this one's place."""
        if self._address is None:
            return {}
        # No WATCHDOG_PID: the number of the successor is not known before it runs.
        return {"NOTIFY_SOCKET": self._name, **({"WATCHDOG_USEC": self._watchdog} if self._watchdog else {})}

    def _send(self, seconds: float, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(seconds)
                sender.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), self._address)
        except OSError as error:
            if seconds and not self._told_failure:
                self._told_failure = True
                logger.warning("The service manager can't be told %s: %s: %s", lines[0], self._name, error.strerror or error)


def _address(name: str) -> str | None:
    if not name:
        return None
    if name.startswith("@"):
        return "\0" + name[1:]  # an abstract socket of Linux
    if name.startswith("/") and hasattr(socket, "AF_UNIX"):
        return name
    logger.warning("NOTIFY_SOCKET=%s is no unix socket; the service manager is told nothing", name)
    return None
