"""Standard error of the workers, forwarded in whole lines, and the supervisor's own log, on the way to one descriptor.

Nothing here waits: a reader that has stopped (a full pipe) must not keep the supervisor from replacing a worker. What can't be
written is kept up to a bound; then workers are read no more, and wait in their writes as any program does.
"""
from __future__ import annotations

import os
import select
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.supervisor._loop import Loop

# Room that a pipe which is ready for writing has for certain (PIPE_BUF of Linux; POSIX promises 512).
CHUNK = 4096 if hasattr(select, "PIPE_BUF") and select.PIPE_BUF >= 4096 else 512
MOST_BYTES = 1024 * 1024
LONGEST_LINE = 64 * 1024
RETRY_SECONDS = 0.05


class Output:
    """Stands for standard error; has what logging.StreamHandler wants of a stream."""

    def __init__(self, loop: Loop, fd: int = 2) -> None:
        self._loop = loop
        self._fd = fd
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._retry = None
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    @property
    def full(self) -> bool:
        return self._size >= MOST_BYTES

    def write(self, text: str) -> None:
        self.forward(text.encode("utf-8", "backslashreplace"))

    def forward(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        self.flush()

    def flush(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            if not self._poll.poll(0):
                # Beyond the bound the oldest go: only the supervisor's own few lines can get us there.
                while self._size > 2 * MOST_BYTES:
                    self._size -= len(self._waiting.popleft())
                if self._retry is None:
                    self._retry = self._loop.call_later(RETRY_SECONDS, self._again)
                return
            try:
                written = os.write(self._fd, data[:CHUNK])
            except BlockingIOError:
                written = 0
            except OSError:  # nobody reads any more: the service does not end because of that
                written = len(data)
            self._size -= written
            if written == len(data):
                self._waiting.popleft()
            elif written:
                self._waiting[0] = data[written:]

    def _again(self) -> None:
        self._retry = None
        self.flush()


class ErrorPipe:
    """The reading end of one worker's standard error. Stays until the last holder of the other end is gone: a child of the app may be one."""

    def __init__(self, loop: Loop, output: Output, fd: int) -> None:
        self._loop = loop
        self._output = output
        self._fd = fd
        self._rest = b""
        self.last_words: deque[str] = deque(maxlen=20)
        os.set_blocking(fd, False)
        loop.add_reader(fd, self.read)

    def read(self) -> None:
        """Forward what is there."""
        while self._fd >= 0:
            if self._output.full:
                self._loop.remove_reader(self._fd)
                self._loop.call_later(RETRY_SECONDS, self._resume)
                return
            try:
                data = os.read(self._fd, LONGEST_LINE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            self._take(data)
            if len(data) < LONGEST_LINE:
                return

    def close(self) -> None:
        if self._fd < 0:
            return
        if self._rest:
            self._take(b"\n")
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1

    def _resume(self) -> None:
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self.read)

    def _take(self, data: bytes) -> None:
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        if not newline and len(rest) > LONGEST_LINE:
            whole, newline, rest = rest, b"\n", b""
        self._rest = rest
        if newline:
            self._output.forward(whole + newline)
            for line in whole.split(b"\n")[-20:]:
                if line.strip():
                    self.last_words.append(line.decode("utf-8", "replace").rstrip())
