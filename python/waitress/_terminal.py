"""The terminal of waitress-ctl top: a screen of its own that is drawn over, keys without Enter, and all as it was at the end, whatever ends it."""
from __future__ import annotations

import os
import select
import signal
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType
    from typing import Any

try:
    import termios
    import tty
except ImportError:  # Windows: no keys there, Ctrl-C ends
    termios = tty = None  # type: ignore[assignment]

# xterm's control sequences: the other screen without a cursor, and back; home; clear to the end of the line, of the screen; attributes.
ENTER, LEAVE, HOME, REST_OF_LINE, REST = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l", "\x1b[H", "\x1b[K", "\x1b[J"
PLAIN = "\x1b[0m"
LOOKS = {"title": "\x1b[1m", "head": "\x1b[1;2m", "soft": "\x1b[2m", "bad": "\x1b[1;31m", "chosen": "\x1b[7m"}
WITHOUT_COLOR = {**LOOKS, "bad": "\x1b[1m"}
KEYS = {
    b"q": "quit", b"Q": "quit", b"\x1b[A": "up", b"\x1bOA": "up", b"k": "up", b"\x1b[B": "down", b"\x1bOB": "down", b"j": "down",
    b"\r": "open", b"\n": "open", b"\x1b": "back", b"\x7f": "back", b"b": "back", b" ": "pause",
}  # fmt: skip


class Terminal:
    """Standard output must be one; keys are read where standard input is one too. In the main thread. wait() is woken by wake() from any thread, by a
    key and by a change of the size."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno() if termios is not None and sys.stdin is not None and sys.stdin.isatty() else -1
        self._looks = WITHOUT_COLOR if os.environ.get("NO_COLOR") else LOOKS
        self._wake, self._wake_end = socket.socketpair()
        for end in (self._wake, self._wake_end):
            end.setblocking(False)
        self._modes: list[Any] | None = None
        self._handlers: dict[int, Any] = {}

    @property
    def has_keys(self) -> bool:
        return self._keys >= 0

    def __enter__(self) -> Terminal:
        for name, handler in (("SIGWINCH", self._changed), ("SIGTERM", _end), ("SIGHUP", _end), ("SIGTSTP", self._pause)):
            if hasattr(signal, name):
                number = getattr(signal, name)
                self._handlers[number] = signal.signal(number, handler)
        self._enter()
        return self

    def __exit__(self, *error: object) -> None:
        self._leave()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._wake.close()
        self._wake_end.close()

    def draw(self, lines: Iterable[tuple[str, str]]) -> None:
        """In one write, over what is there: no flicker."""
        shown = [f"{self._looks[look]}{text}{PLAIN}{REST_OF_LINE}" if look else text + REST_OF_LINE for text, look in lines]
        self._write(HOME + "\r\n".join(shown) + REST)

    def wait(self, seconds: float) -> list[str]:
        """The keys that were hit meanwhile, by their meaning; after that time, or sooner."""
        ready = select.select([self._wake] + ([self._keys] if self.has_keys else []), [], [], max(seconds, 0))[0]
        if self._wake in ready:
            try:
                self._wake.recv(4096)
            except BlockingIOError:
                pass
        return keys(os.read(self._keys, 256)) if self._keys in ready else []

    def wake(self) -> None:
        try:
            self._wake_end.send(b"\0")
        except OSError:
            pass  # full: then it wakes anyway; closed: nobody waits

    def _enter(self) -> None:
        if self.has_keys:
            self._modes = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        self._write(ENTER)

    def _leave(self) -> None:
        self._write(LEAVE)
        if self._modes is not None:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._modes)
            self._modes = None

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _changed(self, number: int, frame: FrameType | None) -> None:
        self.wake()

    def _pause(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its terminal as it was; what comes after the signal is after fg."""
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()
        self.wake()


def keys(data: bytes) -> list[str]:
    """What was typed, as meanings; what means nothing is left out. The end of the input means to quit."""
    found = [] if data else ["quit"]
    while data:
        match = next((sequence for sequence in sorted(KEYS, key=len, reverse=True) if data.startswith(sequence)), None)
        if match == b"\x1b" and data[1:2] in (b"[", b"O"):
            # A key that means nothing here: its sequence ends with a letter or a tilde (ECMA-48, 5.4).
            end = next((index for index, byte in enumerate(data[2:], 2) if 0x40 <= byte <= 0x7E), len(data))
            data = data[end + 1:]
        else:
            if match is not None:
                found.append(KEYS[match])
            data = data[len(match or b"x"):]
    return found


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
