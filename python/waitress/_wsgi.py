"""What the engine needs that Python itself has in better form: streams, files, tracebacks.

The engine looks these names up once per server and calls them on its worker threads, while an app is served.
"""
from __future__ import annotations

import io
import logging
import os
import stat
import traceback
from io import BytesIO

from waitress._timeout import RequestTimeout

__all__ = ["BodyStream", "BytesIO", "ClientDisconnected", "FileWrapper", "RequestTimeout", "body_file", "direct_file", "log_failure"]

logger = logging.getLogger("waitress")

# As Waitress: what read() is asked for when a file has to be iterated.
BLOCK_SIZE = 32768

# Over a FileIO, reading these through the descriptor gives the same bytes as reading the object. Anything else with a
# fileno(), such as gzip.GzipFile, may transform what it reads.
_PLAIN_FILES = (io.FileIO, io.BufferedReader, io.BufferedRandom)


class ClientDisconnected(ConnectionError):
    """What ``write()`` raises when the client has gone. When it comes back from the app it is no failure, and not logged as one."""


class FileWrapper:
    """``wsgi.file_wrapper`` of PEP 3333: an iterable over a file, which the engine sends without Python where it can."""

    def __init__(self, file, block_size=BLOCK_SIZE):
        self.file = file
        self.block_size = block_size
        # Only what the file has: middleware asks with hasattr().
        for name in ("close", "seek", "tell", "seekable"):
            if hasattr(file, name):
                setattr(self, name, getattr(file, name))

    def __iter__(self):
        return self

    def __next__(self):
        block = self.file.read(self.block_size)
        if not block:
            raise StopIteration
        return block

    next = __next__


def direct_file(wrapper):
    """How to send the file of a wrapper: (descriptor or -1, offset, bytes from there on), or None for a file that can't seek.

    The descriptor is a new one and belongs to the caller. -1: the length is known, but the bytes come from read().
    """
    file = wrapper.file
    if not (hasattr(file, "seek") and hasattr(file, "tell")):
        return None
    try:
        offset = file.tell()
        end = file.seek(0, os.SEEK_END)
        end = file.tell() if end is None else end
        file.seek(offset)
    except (OSError, ValueError):
        return None  # a pipe, a socket, a closed file: reading it will say so
    size = max(0, end - offset)
    # tempfile wraps its files in an object that adds nothing but deleting them.
    plain = getattr(file, "file", file) if type(file).__module__ == "tempfile" else file
    raw = plain if type(plain) is io.FileIO else getattr(plain, "raw", None)
    if size == 0 or type(plain) not in _PLAIN_FILES or type(raw) is not io.FileIO:
        return -1, offset, size
    if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return -1, offset, size
    if type(plain) is io.BufferedRandom:
        plain.flush()
    return _duplicate(plain.fileno()), offset, size


def body_file(descriptor):
    """A request body that was too large for memory, as a binary file. The descriptor stays the engine's."""
    if os.name == "nt":
        import msvcrt

        descriptor = msvcrt.open_osfhandle(descriptor, os.O_RDONLY | os.O_BINARY)
        return open(descriptor, "rb", closefd=False)
    return open(os.dup(descriptor), "rb")


class _Arriving(io.RawIOBase):
    """A request body that still arrives; ``readinto`` is the engine's and waits for bytes without the GIL."""

    def __init__(self, readinto):
        self._readinto = readinto

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._readinto(buffer)


def BodyStream(readinto):
    """``wsgi.input`` with ``asynchronous=false``: read, readline and iteration are those of io.BufferedReader."""
    return io.BufferedReader(_Arriving(readinto), 65536)


def log_failure(message, error):
    """Log an exception of the app with its traceback; return the traceback as text."""
    logger.error(message, exc_info=(type(error), error, error.__traceback__))
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _duplicate(descriptor):
    if os.name == "nt":
        import msvcrt

        # The engine takes a handle there; a duplicated descriptor would have to be closed through the C runtime.
        return -1 if descriptor < 0 else _duplicate_handle(msvcrt.get_osfhandle(descriptor))
    return os.dup(descriptor)


def _duplicate_handle(handle):
    import _winapi

    process = _winapi.GetCurrentProcess()
    return _winapi.DuplicateHandle(process, handle, process, 0, False, _winapi.DUPLICATE_SAME_ACCESS)
