"""waitress-ctl top: the status page in a terminal. What it shows is _top_frame's, where it has it from _top_source's, how it gets there _terminal's.

The server is asked by a thread of its own, so that keys work and the screen says so while it does not answer.
"""
from __future__ import annotations

import json
import queue
import shutil
import sys
import threading
import time
from typing import NamedTuple

from waitress import _top_frame
from waitress._control_client import ControlError
from waitress._terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from waitress._top_source import FromAdmin, FromSupervisor

    Key = tuple[int, int]

# Where standard output is no terminal: room for every column.
WIDTH = 120
FOOTER = "q quit   ↑↓ choose a request   Enter its Python stack   space pause"
BACK = "q quit   Esc back"
ASKED, NO_STACK = "Asked", "It has ended, or no thread has it"


def run(source: FromAdmin | FromSupervisor, interval: float, once: bool, as_json: bool) -> None:
    """Until q, or Ctrl-C, which is the caller's. ControlError when the server does not answer: at first, and without a screen later too."""
    status = source.figures()
    if not as_json and not _can_be_shown(status):
        print(json.dumps(status, indent=2))  # a server of another version: what it says is still worth seeing
        return
    if not once and not as_json and sys.stdout.isatty():
        with Terminal() as terminal:
            Screen(source, interval, terminal, status).run()
        return
    rates = Rates()
    while True:
        if as_json:
            print(json.dumps(status), flush=True)
        else:
            _print(status, rates.of(status))
        if once:
            return
        time.sleep(interval)
        status = source.figures()


def _print(status: dict[str, Any], rates: dict[int, float]) -> None:
    width = shutil.get_terminal_size((WIDTH, 0)).columns
    for line, _ in _top_frame.Frame(status, width, None, rates, _shows_unicode()).lines():
        print(_shown(line))
    print(flush=True)


def _can_be_shown(status: dict[str, Any]) -> bool:
    try:
        _top_frame.Frame(status, WIDTH, None, Rates().of(status)).lines()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False
    return True


class Rates:
    """Requests per second of each process, between two looks."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[float, int]] = {}

    def of(self, status: dict[str, Any]) -> dict[int, float]:
        now = {worker["pid"]: (status["time"], worker["requests"]) for worker in status["workers"]}
        before, self._before = self._before, now
        since = {pid: (now[pid][0] - moment, now[pid][1] - requests) for pid, (moment, requests) in before.items() if pid in now}
        return {pid: max(0, requests) / seconds for pid, (seconds, requests) in since.items() if seconds > 0}


class Answer(NamedTuple):
    figures: dict[str, Any] | None = None
    # Of which request the stack is, and None where no thread has it.
    of: Key | None = None
    stack: str | None = None
    fault: str | None = None


class Asker:
    """One question at a time, in a thread; what came of it is taken by the main thread, which is woken."""

    def __init__(self, source: FromAdmin | FromSupervisor, wake: Callable[[], None]) -> None:
        self.busy = False
        self._source, self._wake = source, wake
        self._asked: queue.SimpleQueue[Key | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        # A daemon: at the end nobody waits for a server that does not answer.
        threading.Thread(target=self._run, daemon=True, name="waitress-ctl").start()

    def ask(self, stack: Key | None) -> None:
        """The figures, and the stack of that request."""
        if not self.busy:
            self.busy = True
            self._asked.put(stack)

    def take(self) -> Answer | None:
        """None: nothing has come."""
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            return None
        self.busy = False
        return answer

    def _run(self) -> None:
        while True:
            key = self._asked.get()
            try:
                answer = Answer(self._source.figures(), key, self._source.stack(*key) if key is not None else None)
            except ControlError as error:
                answer = Answer(fault=str(error).removeprefix("Error: "))
            except Exception as error:  # it would end the thread, and the screen would say nothing
                answer = Answer(fault=f"{type(error).__name__}: {error}")
            self._answers.put(answer)
            self._wake()


class Screen:
    def __init__(self, source: FromAdmin | FromSupervisor, interval: float, terminal: Terminal, status: dict[str, Any]) -> None:
        self._interval, self._terminal, self._status = interval, terminal, status
        self._asker = Asker(source, terminal.wake)
        self._rates = Rates()
        self._per_second = self._rates.of(status)
        self._heard = time.time()
        self._fault: str | None = None
        self._paused = False
        self._chosen: Key | None = None
        self._open: dict[str, Any] | None = None  # The request whose stack is shown.
        self._stack = ""
        self._unicode = _shows_unicode()

    def run(self) -> None:
        due = time.monotonic() + self._interval
        while True:
            self._draw()
            now = time.monotonic()
            if now >= due and not self._paused:
                self._ask()
                due = now + self._interval
            for key in self._terminal.wait(60.0 if self._paused else due - now):
                if key == "quit":
                    return
                self._hit(key)
            self._take()

    def _ask(self) -> None:
        self._asker.ask(_top_frame.key(self._open) if self._open else None)

    def _take(self) -> None:
        answer = self._asker.take()
        if answer is None:
            return
        self._fault = answer.fault
        if answer.figures is not None and not _can_be_shown(answer.figures):
            self._fault = "it says what this program can't show"
        elif answer.figures is not None:
            self._status, self._heard = answer.figures, time.time()
            self._per_second = self._rates.of(answer.figures)
        if self._open is None or answer.of != _top_frame.key(self._open):
            return
        # The stack of one that has ended stays: somebody reads it.
        running = next((request for request in self._requests() if _top_frame.key(request) == answer.of), None)
        self._open = {**self._open, "state": "ended"} if running is None else running
        self._stack = answer.stack or (NO_STACK if self._stack in (ASKED, NO_STACK) else self._stack)

    def _requests(self) -> list[dict[str, Any]]:
        return _top_frame.aged(self._status)

    def _hit(self, key: str) -> None:
        if key == "pause":
            self._paused = not self._paused
        elif key in ("up", "down") and self._open is None:
            self._choose(1 if key == "down" else -1)
        elif key == "open" and self._open is None:
            chosen = next((request for request in self._requests() if _top_frame.key(request) == self._chosen), None)
            if chosen is not None:
                self._open, self._stack = chosen, ASKED
                self._ask()
        elif key in ("back", "open"):
            self._open = None

    def _choose(self, step: int) -> None:
        keys = [_top_frame.key(request) for request in self._requests()]
        if keys:
            at = keys.index(self._chosen) + step if self._chosen in keys else 0
            self._chosen = keys[min(max(at, 0), len(keys) - 1)]

    def _draw(self) -> None:
        width, height = shutil.get_terminal_size()
        frame = _top_frame.Frame(self._status, width, height, self._per_second, self._unicode)
        keys = self._terminal.has_keys
        if self._open is not None:
            lines = frame.of_stack(self._open, self._stack, BACK)
        else:
            lines = frame.lines(self._chosen, self._note(), FOOTER if keys else None)
        self._terminal.draw((_shown(text), look) for text, look in lines)

    def _note(self) -> tuple[str, str] | None:
        since = time.strftime("%H:%M:%S", time.localtime(self._heard))
        if self._fault is not None:
            return f"No answer since {since}: {_top_frame.clean(self._fault)}. What stands here is from then.", "bad"
        return (f"Paused at {since}; space goes on", "bad") if self._paused else None


def _shows_unicode() -> bool:
    return "utf" in (sys.stdout.encoding or "").lower()


def _shown(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
