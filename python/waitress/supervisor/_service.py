"""What the supervisor does for those outside: the service manager (systemd), the pid file, the control socket, the files of --reload.

One object, made after the sockets are open and closed when the service has ended; everything on the loop's thread.
"""
from __future__ import annotations

import logging

from waitress.supervisor._control import Control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress._notify import Notify
    from waitress._pid_file import PidFile
    from waitress.supervisor._reload import Reload
    from waitress.supervisor._supervisor import Supervisor

logger = logging.getLogger("waitress.supervisor")

# Live figures for `systemctl status`: often enough for a person, rarely enough for the journal.
STATUS_SECONDS = 5.0


class Service:
    """OSError, ready to print, when a stated control socket can't be used."""

    def __init__(self, supervisor: Supervisor, notify: Notify, pid_file: PidFile | None) -> None:
        self._supervisor, self._notify, self._pid_file = supervisor, notify, pid_file
        self._control = Control(supervisor.loop, supervisor.command, supervisor.values["control_socket"])
        self._reload: Reload | None = None
        if supervisor.values["reload"]:
            from waitress.supervisor._reload import Reload

            self._reload = Reload(supervisor)
        supervisor.observe("ready", lambda: notify.ready(self._status()))
        supervisor.observe("reloading", notify.reloading)
        supervisor.observe("reloaded", lambda: notify.ready(self._status()))
        supervisor.observe("stopping", self._stopping)
        self._turn()
        if notify.interval is not None:
            self._beat()

    def close(self) -> None:
        if self._reload is not None:
            self._reload.close()
        self._control.close()

    def _turn(self) -> None:
        self._supervisor.loop.call_later(STATUS_SECONDS, self._turn)
        if self._notify and self._supervisor.state == "serving" and not self._supervisor.replacing.reloading:
            self._notify.status(self._status())
        if self._pid_file is not None and not self._supervisor.upgrade.shared:
            try:
                self._pid_file.ensure()
            except OSError as error:
                logger.debug("%s", error)  # its folder has gone; it is tried again

    def _beat(self) -> None:
        assert self._notify.interval is not None
        self._notify.beat()
        self._supervisor.loop.call_later(self._notify.interval, self._beat)

    def _stopping(self) -> None:
        successors = self._supervisor.upgrade.pids
        if successors:
            # The upgrade is complete: the manager must not take our end for the service's.
            self._notify.main_process(successors[0])
        else:
            self._notify.stopping()

    def _status(self) -> str:
        workers = self._supervisor.status()["workers"]
        ready = sum(worker["state"] == "ready" for worker in workers)
        total = {name: sum(worker[name] for worker in workers) for name in ("in_flight", "queue", "requests")}
        return (
            f"{ready} worker{'' if ready == 1 else 's'} ready, {total['in_flight']} requests in flight, {total['queue']} waiting, "
            f"{total['requests']} served by them"
        )
