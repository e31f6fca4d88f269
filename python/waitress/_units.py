"""Figures as waitress-ctl shows them. What is not known, None, is a dash."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

UNKNOWN = "-"
# Between two points of the server's history, and a second for the look itself.
WINDOW_SECONDS = 6


def _known(form: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: UNKNOWN if value is None else form(value)


def _duration(seconds: float) -> str:
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= length:
            whole = int(seconds)
            return f"{whole // length} {unit} {whole % length // part} {smaller}"
    return f"{int(seconds)} s"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size /= 1024
    else:
        unit = "TiB"
    return f"{size:.{0 if unit == 'B' else 1}f} {unit}"


def _time(seconds: float) -> str:
    if seconds >= 10:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:,.{0 if seconds >= 0.1 or not seconds else 1 if seconds >= 0.001 else 2}f} ms"


def _rate(rate: float) -> str:
    return f"{rate:,.{0 if rate >= 100 or not rate else 1 if rate >= 10 else 2}f}"


duration = _known(_duration)
# Of a request under way, or of a worker that has just begun: tenths are of interest.
age = _known(lambda seconds: f"{seconds:.1f} s" if seconds < 10 else _duration(seconds))
size = _known(_size)
# Milliseconds, whatever they are of: figures of one column compare at a glance.
time = _known(_time)
rate = _known(_rate)
share = _known(lambda share: f"{100 * share:.{1 if 0 < share < 0.1 else 0}f} %")
count = _known(lambda number: f"{number:,}")


def span(seconds: float) -> str:
    """Of a window: "10 s", "5 min". One of a minute is some seconds longer or shorter, as the server has looked."""
    minutes = round(seconds / 60)
    if minutes and abs(seconds - 60 * minutes) <= WINDOW_SECONDS:
        return f"{minutes} min"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
