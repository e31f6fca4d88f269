"""A WSGI server: ``waitress-serve app:app`` on the command line, ``waitress.serve(app)`` in a program.

The names, options and meanings are those of the Python server Waitress; the engine behind them is a native module
(``waitress._native``). This package is what a Python program touches: it resolves the app, reads the settings file,
owns the worker threads, the signals and the logging, and hands everything else to the engine.
"""
from __future__ import annotations

import logging

from waitress._timeout import RequestTimeout
from waitress.server import SERVING, Server, create_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from _typeshed.wsgi import WSGIApplication

__version__ = "1.0.0"
__all__ = ["RequestTimeout", "create_server", "profile", "serve", "serve_paste"]


def serve(app: WSGIApplication | str, **kw: Any) -> None:
    """Serve ``app`` until the server is stopped; works in the main thread and in any other, and again after it returned.

    Keywords are the options of ``waitress-serve`` with underscores (docs/settings.md). ``_quiet=True`` leaves Python's
    logging as it is and writes no start lines; ``_profile=True`` runs under cProfile and prints the result at the end;
    ``_server`` replaces ``create_server``.

    Settings that need a supervisor (``worker_class="process"``, ``max_requests`` and so on: docs/workers.md) need the app's name in place
    of the app, as in ``serve("module:app", ...)``, since worker processes import it themselves, and the main thread.

    Raises ValueError that lists every bad setting, and OSError when an address can't be opened.
    """
    make = kw.pop("_server", create_server)
    quiet = kw.pop("_quiet", False)
    profiled = kw.pop("_profile", False)
    if isinstance(app, str) and make is create_server:
        from waitress import _named

        _named.serve(app, kw, quiet)
        return
    if not quiet:
        logging.basicConfig()
    run_server(make(app, **kw), quiet=quiet, profiled=profiled)


def run_server(server: Server, *, quiet: bool = False, profiled: bool = False, last: bool = False) -> None:
    """Run the server, which says where it listens; shared by serve() and the command line.

    ``last``: the program ends when the server has ended.
    """
    # Servers handed in by the `_server` keyword know only Waitress's own methods.
    if isinstance(server, Server):
        server._prepare(quiet=quiet, last=last)
    elif not quiet:
        server.print_listen(SERVING)
    if profiled:
        profile("server.run()", globals(), {"server": server}, (), False)
    else:
        server.run()


def serve_paste(app: WSGIApplication, global_conf: Any, **kw: Any) -> int:
    """Entry point ``paste.server_runner``: serve with the keys of a PasteDeploy ``[server:main]`` section."""
    serve(app, **kw)
    return 0


def profile(cmd: str, globals: dict[str, Any], locals: dict[str, Any], sort_order: Iterable[str], callers: bool) -> None:
    """Run the statement ``cmd`` under cProfile and print the statistics, also when it raises.

    ``sort_order`` holds pstats sort keys (cumulative time, calls, time when empty); ``callers`` prints who called instead.
    cProfile sees the thread that runs the server, not the worker threads.
    """
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    try:
        profiler.runctx(cmd, globals, locals)
    finally:
        statistics = pstats.Stats(profiler)
        statistics.strip_dirs()
        statistics.sort_stats(*(sort_order or ("cumulative", "calls", "time")))
        if callers:
            statistics.print_callers(0.3)
        else:
            statistics.print_stats(0.3)
