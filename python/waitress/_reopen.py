"""Log files that logrotate has moved: every file handler of Python's logging opens its file anew. The engine has its own (Server.reopen())."""
from __future__ import annotations

import logging


def reopen() -> int:
    """How many handlers wrote to files; a handler that is shared by loggers counts once."""
    handlers = {id(handler): handler for logger in _loggers() for handler in logger.handlers if isinstance(handler, logging.FileHandler)}
    for handler in handlers.values():
        with handler.lock or _NoLock():
            stream, handler.stream = handler.stream, None  # type: ignore[assignment]
            if stream is not None:
                stream.close()
                # With delay=True the file is opened by the next entry; here at once, so that logrotate sees the new one.
                handler.stream = handler._open()
    return len(handlers)


def _loggers() -> list[logging.Logger]:
    named = logging.Logger.manager.loggerDict.values()
    return [logging.getLogger(), *(logger for logger in named if isinstance(logger, logging.Logger))]


class _NoLock:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass
