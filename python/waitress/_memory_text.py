"""A memory report for people: whole for waitress-ctl memory, short for the log. Pure functions; imports nothing of the engine."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

TYPES, CONTAINERS, LINES = 20, 12, 12
# In the log: a screenful at most.
SHORT_TYPES, SHORT_CONTAINERS, SHORT_LINES = 8, 5, 5


def whole(report: dict[str, Any]) -> list[str]:
    """Figures, then tables of what grew and of what is large."""
    return _figures(report) + _tables(report, TYPES, CONTAINERS, LINES) + [
        "" if not line else f"  {line}" for each in report["interpreters"] for line in ["", f"Interpreter {each['name']}", *_interpreter(each)]
    ]


def short(report: dict[str, Any]) -> list[str]:
    """The same, of fewer rows."""
    first, *others = _figures(report)
    return [f"Memory: {first}", *others] + _tables(report, SHORT_TYPES, SHORT_CONTAINERS, SHORT_LINES) + [
        "" if not line else f"  {line}" for each in report["interpreters"]
        for line in ["", f"Interpreter {each['name']}", *_interpreter(each, SHORT_TYPES, SHORT_CONTAINERS, SHORT_LINES)]
    ]


def size(number: float | None) -> str:
    """As 12.3 MiB."""
    if number is None:
        return "?"
    for unit in ("B", "KiB", "MiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _interpreter(report: dict[str, Any], *rows: int) -> list[str]:
    if "error" in report:
        return [str(report["error"])]
    return [_python(report), _cost(report)] + _tables(report, *(rows or (TYPES, CONTAINERS, LINES)))


def _figures(report: dict[str, Any]) -> list[str]:
    process, engine = report["process"], report["engine"]
    swap = f", {size(process['swap'])} swapped out" if process["swap"] else ""
    lines = [f"{size(process['resident'])} resident, {size(process['private'])} of it private{swap}; peak {size(process['peak'])}", _python(report)]
    if engine is not None:
        committed = f" in {size(engine['committed'])}" if engine["committed"] else ""  # not known before the first collection
        lines.append(f".NET: {size(engine['heap'])} of objects{committed}; collections {_row(engine['collections'])}")
    return [*lines, _cost(report)]


def _python(report: dict[str, Any]) -> str:
    python = report["python"]
    growth = "" if python["blocks_growth"] is None else f" ({_signed(python['blocks_growth'])})"
    collections = _row([each["collections"] for each in python["generations"]])
    odd = f", {python['uncollectable']:,} objects in gc.garbage" if python["uncollectable"] else ""
    return f"Python: {python['objects']:,} objects, {python['blocks']:,} blocks{growth}; collections {collections}{odd}"


def _cost(report: dict[str, Any]) -> str:
    python = report["python"]
    looked = "" if python["looked_at"] == python["objects"] else f", from a look at {python['looked_at']:,} of the objects"
    since = "the first report: growth is told from the next one on" if report["since"] is None else f"growth since {report['since']:.0f} s ago"
    return f"{since}{looked}; took {report['seconds']:.2f} s, longest pause {report['pause'] * 1000:.0f} ms"


def _tables(report: dict[str, Any], types: int, containers: int, lines: int) -> list[str]:
    text = _table(
        ("TYPE", "OBJECTS", "GROWTH", "SINCE FIRST", "BYTES"),
        [
            (row["type"], f"{row['count']:,}", _signed(row["growth"]), _signed(row["growth_first"]), size(row["bytes"]))
            for row in report["types"][:types]
        ],
    )
    text += _table(
        ("LARGEST", "ITEMS", "GROWTH", "BYTES", "HOLDS", "WHERE"),
        [
            (row["type"], "" if row["items"] is None else f"{row['items']:,}", _signed(row["growth"]), size(row["bytes"]), _holds(row), row["where"] or "?")
            for row in report["largest"][:containers]
        ],
        texts=(0, 4, 5),
    )
    traced = report["tracemalloc"]
    if traced is not None:
        text += ["", f"tracemalloc: {size(traced['bytes'])} traced, peak {size(traced['peak'])}, and {size(traced['overhead'])} for tracing"]
        text += _table(
            ("LINE", "BYTES", "GROWTH", "BLOCKS"),
            [(row["where"], size(row["bytes"]), _growth(row["growth"]), f"{row['blocks']:,}") for row in traced["lines"][:lines]],
        )
    return text


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)) -> list[str]:
    if not rows:
        return []
    all_rows = [titles, *rows]
    widths = [max(len(row[index]) for row in all_rows) for index in range(len(titles))]
    return ["", *("  ".join(f"{cell:{'<' if index in texts else '>'}{widths[index]}}" for index, cell in enumerate(row)).rstrip() for row in all_rows)]


def _holds(row: dict[str, Any]) -> str:
    return "" if row["holds"] is None else f"{row['holds']}, about {size(row['holds_bytes'])}"


def _signed(number: int | None) -> str:
    return f"{number:+,}" if number else ""


def _growth(number: int | None) -> str:
    return ("+" if number > 0 else "") + size(number) if number else ""


def _row(numbers: Sequence[int]) -> str:
    return "/".join(map(str, numbers))
