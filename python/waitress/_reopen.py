"""Log files that logrotate has moved: every file handler of Python's logging opens its file anew. The engine has its own (Server.reopen())."""
from __future__ import annotations

import logging

from waitress import _logging


def reopen() -> int:
    """How many handlers write to files that were opened now; a handler that is shared by loggers counts once.

    One whose file can't be opened (its folder has gone, the disk is full) goes on with the one it has, and an entry says so.
    """
    handlers = {id(handler): handler for logger in _loggers() for handler in logger.handlers if isinstance(handler, logging.FileHandler)}
    faults = []
    done = 0
    for handler in handlers.values():
        with handler.lock or _NoLock():
            if handler.stream is None:
                continue  # delay=True: its next entry opens it
            try:
                # At once, so that logrotate sees the new one; and before the old one is closed, which is better than none.
                opened = handler._open()
            except OSError as error:
                faults.append((handler.baseFilename, error))
                continue
            stream, handler.stream = handler.stream, opened
            done += 1
            try:
                stream.close()
            except OSError:
                pass  # what it held back has found no room; the descriptor is closed all the same
    for path, error in faults:
        _logging.log("waitress", logging.ERROR, "The log file %s can't be opened anew: %s; its entries go on to the file that was moved", path, error.strerror)
    return done


def _loggers() -> list[logging.Logger]:
    # A copy, made by one call: other threads make loggers meanwhile.
    named = list(logging.Logger.manager.loggerDict.values())
    return [logging.getLogger(), *(logger for logger in named if isinstance(logger, logging.Logger))]


class _NoLock:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass
