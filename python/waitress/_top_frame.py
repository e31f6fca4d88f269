"""What waitress-ctl top shows, as lines of text: a function of the figures (docs/status.md), the size of the screen and what is chosen on it."""
from __future__ import annotations

from waitress import _units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    # A line and how it looks: "title", "head", "soft", "bad", "chosen" or "".
    Line = tuple[str, str]
    # Heading, text of an item, "<" or ">".
    Column = tuple[str, Callable[[Any], str], str]

# Seconds. Under load the requests of an instant are noise; those that stay are the ones to see.
YOUNG = 0.5
BARS = "▁▂▃▄▅▆▇█"
CURVE = 40
# Columns: below that some are left out.
WIDE = 100
# On a low screen these go first, one after the other, until the tables that stay have so many lines.
LESSER, LEAST_ROWS = ("about", "failing", "times", "slowest", "workers"), 3
TIMES = (("duration", "Request"), ("queue", "Queue"), ("gil", "GIL"), ("app", "App"))
RANKS = ("p50", "p90", "p99", "mean")
PLAIN = str.maketrans({"·": "-", "…": "~", "↑": "k", "↓": "j"})


def key(request: Mapping[str, Any]) -> tuple[int, int]:
    return request["worker"], request["id"]


def aged(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The requests worth a line, the oldest first."""
    return [request for request in status["in_flight"]["requests"] if request["age"] >= YOUNG]


def clean(text: object) -> str:
    """Text of a client or the app, made harmless: nothing in it can move the cursor or turn the line around."""
    return "".join(each if each.isprintable() else "?" for each in str(text))


class Frame:
    """``rates``: requests per second by process, which the figures don't have. ``unicode``: whether the screen shows more than ASCII."""

    def __init__(self, status: Mapping[str, Any], width: int, height: int | None, rates: Mapping[int, float], unicode: bool = True) -> None:
        self._status, self._width, self._height, self._rates, self._unicode = status, width, height, rates, unicode

    def lines(self, chosen: tuple[int, int] | None = None, note: Line | None = None, footer: str | None = None) -> list[Line]:
        """All of it. ``note`` comes first, ``footer`` last."""
        tables = {"workers": self._workers(), "requests": self._requests(chosen), "slowest": self._slowest(), "failing": self._failing()}
        tables = {name: lines for name, lines in tables.items() if lines}
        texts = {"note": [note] if note else [], "title": self._title(), "about": self._about(), "load": self._load(), "times": [("", ""), *self._times()]}
        bottom: list[Line] = [("", ""), (footer, "soft")] if footer else []

        def room() -> int | None:
            # Of each table its heading and the blank line above are always there.
            used = sum(map(len, texts.values())) + 2 * len(tables) + len(bottom)
            return None if self._height is None else self._height - used

        for name in LESSER:
            if (left := room()) is not None and left < LEAST_ROWS:
                texts.pop(name, None)
                tables.pop(name, None)
        shown = [line for lines in texts.values() for line in lines]
        for lines, rows in zip(tables.values(), share([len(lines) - 1 for lines in tables.values()], room())):
            shown += [("", ""), *cut(lines, rows, chosen)]
        return self._trim(shown + bottom)

    def of_stack(self, request: Mapping[str, Any], stack: str, footer: str) -> list[Line]:
        """One request and the stack it is in; of a long one the innermost calls, which are at its end."""
        where = [
            f"age {_units.age(request['age'])}", f"state {request['state']}", f"worker {self._name(request)}",
            f"thread {clean(request['thread'] or _units.UNKNOWN)}", f"client {clean(request['client'] or _units.UNKNOWN)}",
        ]  # fmt: skip
        head: list[Line] = [
            (self._service(), "title"), ("", ""),
            (f"{clean(request['method'])} {clean(request['path'])}", "head"),
            *((line, "") for line in flow(where, "   ", self._width)),
            ("", ""),
        ]  # fmt: skip
        lines: list[Line] = [(clean(line.replace("\t", "    ")), "") for line in stack.splitlines()]
        room = len(lines) if self._height is None else max(self._height - len(head) - 2, 1)
        return self._trim([*head, *lines[-room:], ("", ""), (footer, "soft")])

    def _service(self) -> str:
        service = self._status["service"]
        state = service["state"] if service["ready"] else f"{service['state']}, not ready: {service['reason']}"
        return f"{clean(service['app'] or 'Waitress Sharp')}: {clean(state)}"

    def _title(self) -> list[Line]:
        service = self._status["service"]
        return [(self._service(), "title" if service["ready"] and service["state"] != "stopping" else "bad")]

    def _about(self) -> list[Line]:
        service = self._status["service"]
        about = [
            f"Waitress Sharp {service['version']}", f"Python {service['python']}", clean(" ".join(service["listen"])),
            f"{'supervisor' if service['supervised'] else 'process'} {service['pid']}", f"up {_units.duration(service['uptime'])}",
        ]  # fmt: skip
        return [(line, "soft") for line in flow(about, " · ", self._width)]

    def _load(self) -> list[Line]:
        now, workers, rates = self._status["now"], self._status["workers"], _window(self._status["rates"]) or {}
        sizes, loads = [worker["private"] for worker in workers], [worker["cpu_share"] for worker in workers]
        load = [
            f"{_units.rate(rates.get('requests'))} requests/s", f"{_units.rate(rates.get('errors'))} errors/s",
            f"{_units.rate(rates.get('client_errors'))} client errors/s", f"{_units.size(rates.get('bytes_out'))}/s sent", f"busy {_units.share(rates.get('busy'))}",
        ]  # fmt: skip
        state = [
            f"in flight {now['in_flight']}", f"queue {now['queue']}", f"oldest waits {_units.age(now['oldest_wait'] if now['queue'] else None)}",
            f"threads busy {now['busy_threads']} of {now['threads']}", f"connections {now['connections']}",
            f"workers {now['workers'].get('ready', 0)} of {self._status['service']['wanted']}",
            f"CPU {_units.share(None if None in loads else sum(loads))}", f"private {_units.size(None if None in sizes else sum(sizes))}",
        ]  # fmt: skip
        return [("", ""), *((line, "") for items in (load, state) for line in flow(items, "   ", self._width))]

    def _times(self) -> list[Line]:
        window = _window(self._status["times"])
        title = "LAST " + _units.span(window["seconds"]).upper() if window else "TIMES"
        rows: list[Column] = [(title, lambda row: row[1], "<")]
        rows += [(rank, lambda row, rank=rank: _units.time(window[row[0]][rank] if window else None), ">") for rank in RANKS]
        lines = table(rows, TIMES, self._width)
        history = self._status["history"]
        curves = ((f"last {_units.span(len(history['requests']) * history['step'])}", ""), ("requests", history["requests"]), ("p99", history["p99"]),
                  ("queue p99", history["queue_p99"]), ("GIL p99", history["gil_p99"]))  # fmt: skip
        if not self._unicode or max(len(line) for line, _ in lines) + 16 + CURVE > self._width:
            return lines
        return [(f"{line}   {name:<12} {curve(values) if values else ''}", look) for (line, look), (name, values) in zip(lines, curves)]

    def _workers(self) -> list[Line]:
        columns: list[Column] = [
            ("WORKER", lambda each: each["name"], "<"),
            ("PID", lambda each: str(each["pid"]), ">"),
            ("STATE", lambda each: each["state"] or _units.UNKNOWN, "<"),
            ("AGE", lambda each: _units.age(each["age"]), ">"),
            ("REQUESTS", lambda each: _units.count(each["requests"]), ">"),
            ("PER S", lambda each: _units.rate(self._rates.get(each["pid"])), ">"),
            ("IN FLIGHT", lambda each: str(each["in_flight"]), ">"),
            ("QUEUE", lambda each: str(each["queue"]), ">"),
            ("BUSY", lambda each: f"{each['busy_threads']} of {each['threads']}", ">"),
            ("CPU", lambda each: _units.share(each["cpu_share"]), ">"),
            ("MEMORY", lambda each: _units.size(each["resident"]), ">"),
            ("PRIVATE", lambda each: _units.size(each["private"]), ">"),
        ]
        if self._width < WIDE:
            columns = [column for column in columns if column[0] not in ("QUEUE", "BUSY", "PRIVATE")]
        return table(columns, self._status["workers"], self._width)

    def _requests(self, chosen: tuple[int, int] | None) -> list[Line]:
        old = aged(self._status)
        young = len(self._status["in_flight"]["requests"]) - len(old)
        columns: list[Column] = [
            ("AGE", lambda each: _units.age(each["age"]), ">"),
            ("STATE", lambda each: each["state"], "<"),
            ("WORKER", self._name, ">"),
            ("THREAD", lambda each: clean(each["thread"] or _units.UNKNOWN), "<"),
            ("CLIENT", lambda each: clean(each["client"] or _units.UNKNOWN), "<"),
            ("REQUEST IN FLIGHT", lambda each: f"{clean(each['method'])} {clean(each['path'])}", "<"),
        ]
        if self._width < WIDE:
            columns = [column for column in columns if column[0] not in ("THREAD", "CLIENT")]
        lines = table(columns, old, self._width)
        more = f"{_units.count(young)}{' more' if old else ''}, younger than {YOUNG} s" if young else "" if old else "none"
        partial = "not all: a worker has not answered, or there are very many" if self._status["in_flight"]["partial"] else ""
        if more or partial:
            lines[0] = (f"{lines[0][0]}  ({'; '.join(filter(None, (more, partial)))})", "head")
        return [(line, "chosen" if row and key(old[row - 1]) == chosen else look) for row, (line, look) in enumerate(lines)]

    def _slowest(self) -> list[Line]:
        title = f"SLOWEST ROUTES, LAST {_units.span(self._status['routes']['seconds']).upper()}"
        return self._routes("slowest", title, ("LONGEST", lambda each: _units.time(each["max"]), ">"))

    def _failing(self) -> list[Line]:
        part: Column = ("SHARE", lambda each: _units.share(each["errors"] / max(each["requests"], 1)), ">")
        return self._routes("failing", "FAILING ROUTES", part)

    def _routes(self, name: str, title: str, last: Column) -> list[Line]:
        columns: list[Column] = [
            ("MEAN", lambda each: _units.time(each["mean"]), ">"),
            last,
            ("REQUESTS", lambda each: _units.count(each["requests"]), ">"),
            ("ERRORS", lambda each: _units.count(each["errors"]), ">"),
            (title, lambda each: f"{clean(each['method'])} {clean(each['path'])}", "<"),
        ]
        rows = self._status["routes"][name]
        return table(columns, rows, self._width) if rows else []

    def _name(self, request: Mapping[str, Any]) -> str:
        return next((str(worker["name"]) for worker in self._status["workers"] if worker["slot"] == request["worker"]), _units.UNKNOWN)

    def _trim(self, lines: list[Line]) -> list[Line]:
        more = "…" if self._unicode else "~"
        short = [(text if self._unicode else text.translate(PLAIN), look) for text, look in lines[: self._height]]
        return [(text if len(text) <= self._width else text[: max(self._width - 1, 0)] + more, look) for text, look in short]


def _window(windows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The shortest one; in the first second of a service there is none."""
    return windows[0] if windows and windows[0]["seconds"] >= 1 else None


def table(columns: Sequence[Column], items: Sequence[Any], width: int) -> list[Line]:
    """A heading and a line per item, columns aligned."""
    rows = [[title for title, _, _ in columns], *([text(item) for _, text, _ in columns] for item in items)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    texts = ["  ".join(f"{cell:{columns[index][2]}{widths[index]}}" for index, cell in enumerate(row)).rstrip() for row in rows]
    return [(text, "" if row else "head") for row, text in enumerate(texts)]


def flow(items: Sequence[str], between: str, width: int) -> list[str]:
    """As many of them on a line as there is room for."""
    lines = [items[0]]
    for item in items[1:]:
        if len(lines[-1]) + len(between) + len(item) <= width:
            lines[-1] += between + item
        else:
            lines.append(item)
    return lines


def curve(values: Sequence[float | None]) -> str:
    """The newest values, as blocks whose height is their part of the highest."""
    shown = list(values)[-CURVE:]
    top = max((value for value in shown if value is not None), default=0.0)
    return "".join(" " if value is None else BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] if top else BARS[0] for value in shown).rjust(CURVE)


def share(wanted: Sequence[int], room: int | None) -> list[int]:
    """Lines for each, when there is room for so many: none gets more than it wants, and those that want little get it first."""
    if room is None:
        return list(wanted)
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for index in range(len(wanted)):
            if room > 0 and given[index] < wanted[index]:
                given[index] += 1
                room -= 1
    return given


def cut(lines: list[Line], rows: int, chosen: object) -> list[Line]:
    """The heading and so many rows; the chosen one is among them."""
    head, rest = lines[0], lines[1:]
    at = next((index for index, (_, look) in enumerate(rest) if look == "chosen"), 0)
    first = max(0, min(at - rows + 1, len(rest) - rows))
    hidden = len(rest) - rows
    return [(f"{head[0]}  ({hidden} hidden)" if hidden else head[0], head[1]), *rest[first: first + rows]]
