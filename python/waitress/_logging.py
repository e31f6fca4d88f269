"""The server's own log, by Python's logging: its level, and where its entries go (file, syslog, systemd's journal) in which form.

Receives effective settings. Where none of them is about logging, the logger ``waitress`` gets a level when it has none and
``logging.basicConfig()`` is called, which leaves the set-up of an app alone. Where a destination is stated, the entries of ``waitress`` and
below go there and nowhere else; loggers of the app are never touched. Each process of a service sets up its own.
"""
from __future__ import annotations

import logging
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Where systemd's journal takes entries.
JOURNAL = "/run/systemd/journal/socket"
FILE_FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"
NAMES = ("log_level", "log_format", "log_file", "log_syslog", "log_journal")

_ours: list[logging.Handler] = []


def is_stated(values: Mapping[str, Any]) -> bool:
    """Whether any setting says how to log."""
    return any(values.get(name) not in (None, False, "text") for name in NAMES)


def stated(values: Mapping[str, Any], patient: bool) -> dict[str, Any]:
    """The settings that are about logging, and set_up()'s ``patient``, as plain values."""
    return {**{name: values.get(name) for name in NAMES}, "patient": patient}


def faults(values: Mapping[str, Any]) -> list[str]:
    """What can be said against the logs before anything is opened; nothing is made. Whether another user may write can't be told."""
    found = []
    folder = values.get("chdir") or ""
    for name in ("access_logfile", "log_file"):
        path = values.get(name)
        if path not in (None, "-"):
            why = _why_not(os.path.join(folder, path), bool(values.get("user") or values.get("group")))
            if why:
                found.append(f"{name}: {path}: {why}")
    if values.get("log_journal") and not os.path.exists(JOURNAL):
        found.append(f"log_journal: there is no journal of systemd here ({JOURNAL})")
    syslog = values.get("log_syslog")
    if syslog and syslog.startswith("/") and not os.path.exists(syslog):
        found.append(f"log_syslog: there is nothing at {syslog}")
    return found


def set_up(values: Mapping[str, Any], stream: Any = None, worker: str | None = None, patient: bool = False) -> None:
    """OSError when a destination can't be had. ``stream`` stands for standard error; ``worker`` is this process's name for JSON entries.
    ``patient``: a log file whose folder has gone since the service began is no reason not to serve; it is tried again with each entry.

    Called again it replaces what it has set up before.
    """
    logger = logging.getLogger("waitress")
    level = values.get("log_level")
    if level:
        logger.setLevel(level.upper())
    elif logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    while _ours:
        old = _ours.pop()
        logger.removeHandler(old)
        old.close()
        logger.propagate = True
    for handler in _destinations(values, stream, worker, patient):
        logger.addHandler(handler)
        logger.propagate = False
        _ours.append(handler)
    if _ours:
        return
    if values.get("log_format") != "json":
        logging.basicConfig(stream=stream)
        return
    # The app's messages on standard error are JSON too, where the app has set up nothing: half of a stream can't be parsed.
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(worker))
    if logging.getLogger().handlers:
        logger.addHandler(handler)
        logger.propagate = False
        _ours.append(handler)
    else:
        logging.basicConfig(handlers=[handler])


def log(name: str, level: int, message: str, *arguments: object) -> None:
    """An entry of the server's own threads: a filter or handler of the app that raises must not end them."""
    try:
        logging.getLogger(name).log(level, message, *arguments)
    except Exception:
        import traceback

        traceback.print_exc()


def _destinations(values: Mapping[str, Any], stream: Any, worker: str | None, patient: bool) -> list[logging.Handler]:
    json = JsonFormatter(worker) if values.get("log_format") == "json" else None
    made: list[logging.Handler] = []
    path = values.get("log_file")
    if path is not None:
        handler = logging.StreamHandler(stream) if path == "-" else _file(path, stream, patient)
        handler.setFormatter(json or logging.Formatter(logging.BASIC_FORMAT if path == "-" else FILE_FORMAT))
        made.append(handler)
    if values.get("log_syslog"):
        from waitress import _datagrams

        made.append(_datagrams.syslog(values["log_syslog"], json))
    if values.get("log_journal"):
        from waitress import _datagrams

        made.append(_datagrams.journal(JOURNAL, worker))
    return made


def _file(path: str, stream: Any, patient: bool) -> logging.Handler:
    from waitress._log_file import LogFile

    try:
        return LogFile(path, stream, patient)
    except OSError as error:
        raise OSError(f"The log file {path} can't be opened: {error.strerror}") from error


def _why_not(path: str, another_user: bool) -> str | None:
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        return "it is a folder"
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    if another_user:
        return None
    if os.path.exists(path):
        return None if os.access(path, os.W_OK) else "it can't be written"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} can't be written"


class JsonFormatter(logging.Formatter):
    """An object per line: time (RFC 3339, universal), level, logger, message, pid, worker; exception and stack where there is one."""

    def __init__(self, worker: str | None = None) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        import json
        import time

        entry: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process or os.getpid(),
            "worker": self._worker,
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            entry["exception"] = record.exc_text
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        # ASCII: neither a line separator nor half a surrogate pair can break the line.
        return json.dumps(entry)
