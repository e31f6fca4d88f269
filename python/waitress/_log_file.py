"""The server's own log in a file. Receives entries from any thread; promises that none ends what it tells of: where the file can't be opened,
entries go to standard error until it can."""
from __future__ import annotations

import sys
from logging.handlers import WatchedFileHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import LogRecord


class LogFile(WatchedFileHandler):
    """Looks before each entry whether the file was moved; so rotation needs no signal. OSError when it can't be opened at first."""

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._failing = False

    def emit(self, record: LogRecord) -> None:
        try:
            super().emit(record)
            self._failing = False
        except OSError as error:
            # Of opening it anew, which logging lets through: its folder has gone, or the disk has no room for a new file. Each entry tries again.
            self._emit_instead(record, error)

    def _emit_instead(self, record: LogRecord, error: OSError) -> None:
        try:
            if not self._failing:
                self._failing = True
                print(f"The log file {self.baseFilename} can't be opened: {error.strerror}; entries go to standard error until it can", file=sys.stderr)
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)
