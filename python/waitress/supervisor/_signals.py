"""The table of the supervisor's signals, Gunicorn's conventions; docs/signals.md repeats it and a test compares them."""
from __future__ import annotations

import os
import signal
from collections import namedtuple

# action is the method of Supervisor.
Row = namedtuple("Row", "name action help")

TABLE = (
    Row("SIGTERM", "stop", "Graceful stop: requests in flight are finished, for up to `graceful_timeout`. A second one ends at once."),
    Row("SIGINT", "stop", "The same (Ctrl-C)."),
    Row("SIGQUIT", "quit", "Quick stop: connections are closed at once."),
    Row("SIGHUP", "reload", "Rolling reload: settings are read again, workers are replaced one by one, each new one proven ready first."),
    Row("SIGUSR1", "reopen", "Log files are opened anew, in the supervisor and in every worker (after logrotate)."),
    Row("SIGUSR2", "start_upgrade", "A second supervisor is started, from the program as it is on the disk now, with the same sockets."),
    Row("SIGWINCH", "rest", "While a second supervisor runs: the workers of this one are retired, and SIGHUP brings them back. Else nothing."),
    Row("SIGTTIN", "add", "One worker process more."),
    Row("SIGTTOU", "remove", "One worker process less; the last one stays."),
    Row("SIGCHLD", "reap", "A worker has ended; nothing for you to send."),
)


def by_number() -> dict[int, Row]:
    return {int(getattr(signal, row.name)): row for row in TABLE if hasattr(signal, row.name)}


def describe(status: int) -> str:
    """A wait status (os.waitpid) in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        core = " (core dumped)" if os.WCOREDUMP(status) else ""
        return f"was killed by {signal_name(number)}{core}"
    return f"ended with exit code {os.waitstatus_to_exitcode(status)}"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
