"""The server's own log in a file. Receives entries from any thread; promises that none ends what it tells of: where the file takes none, they
go to standard error until it does."""
from __future__ import annotations

import sys
from logging import ERROR, LogRecord
from logging.handlers import WatchedFileHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LogFile(WatchedFileHandler):
    """Looks before each entry whether the file was moved; so rotation needs no signal. OSError when it can't be opened at first. ``stream``
    stands for standard error: a supervisor's never waits for its reader. ``patient``: one that can't be opened at first is like one that was lost later."""

    def __init__(self, path: str, stream: Any = None, patient: bool = False) -> None:
        # Opened here and not by the base: it has no way to go on without.
        super().__init__(path, encoding="utf-8", errors="backslashreplace", delay=True)
        self._stderr = stream
        self._failing = False
        self._error: OSError | None = None  # of the entry that is being written
        try:
            self.stream = self._open()
            self._statstream()
        except OSError:
            if not patient:
                raise

    def emit(self, record: LogRecord) -> None:
        self._error = None
        try:
            super().emit(record)
        except OSError as error:
            # Of opening it anew, which logging lets through: its folder has gone, or there is no room for a new file. Each entry tries again.
            self._error = error
        if self._error is None:
            self._failing = False
        else:
            self._emit_instead(record, self._error)

    def handleError(self, record: LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._error = error  # a full disk: logging would write a stack for each entry
        else:
            super().handleError(record)

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            pass  # what it holds back for want of room was written to standard error

    def _emit_instead(self, record: LogRecord, error: OSError) -> None:
        stream = self._stderr or sys.stderr
        try:
            if not self._failing:
                self._failing = True
                text = "The log file %s can't be written: %s; entries go to standard error until it can"
                told = LogRecord("waitress", ERROR, __file__, 0, text, (self.baseFilename, error.strerror), None)
                stream.write(self.format(told) + "\n")
            stream.write(self.format(record) + "\n")
            stream.flush()
        except Exception:
            super().handleError(record)
