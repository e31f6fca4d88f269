"""``serve("module:app", ...)``: the app by its name, as the command line has it; so a supervisor can be asked for in a program."""
from __future__ import annotations

import logging
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from waitress._native import Configured


def serve(app: str, keywords: dict[str, Any], quiet: bool) -> None:
    """As waitress.serve(); RuntimeError when a supervised app can't be imported."""
    import waitress
    from waitress import _app, _native, supervisor
    from waitress._program import Program

    upgrade_of = supervisor.take_upgrade()
    configured = configure(keywords)
    if not configured["values"].get("supervised"):
        if not quiet:
            logging.basicConfig()
        by_name = configured["values"].get("worker_class") == "interpreter"
        waitress.run_server(waitress.create_server(app if by_name else _app.load(app), **keywords), quiet=quiet)
        return
    if keywords.get("sockets"):
        raise ValueError("sockets: a supervisor opens its sockets itself, or gets them from systemd")
    program = Program(configured["values"])
    if program.faults:
        raise ValueError("\n".join(program.faults))
    program.enter(imports_app=False)

    def reread() -> tuple[Mapping[str, Any], list[str]]:
        again = _native.configure({}, environment(), {}, None, keywords)
        return again["values"], again["errors"]

    # Modules that this program finds its workers must find: a script's folder is on its own path only.
    extra = {"app": app, "keywords": {name: _plain(value) for name, value in keywords.items()}, "paths": [path for path in sys.path if path]}
    code, why = supervisor.run(configured, [app], reread, program, extra, upgrade_of)
    if code:
        raise RuntimeError(why or f"The supervisor ended with code {code}")


def configure(keywords: Mapping[str, Any]) -> Configured:
    """The settings of keywords and WAITRESS_* variables; ValueError that lists every fault."""
    from waitress import _native

    configured = _native.configure({}, environment(), {}, None, dict(keywords))
    if configured["errors"]:
        raise ValueError("\n".join(configured["errors"]))
    if configured["values"].get("supervised") and os.name == "nt":
        raise ValueError("There is no supervisor on Windows yet")
    return configured


def environment() -> dict[str, str]:
    """What serve() reads of the environment: PORT and WEB_CONCURRENCY belong to the platform, and count on the command line only."""
    return {name: value for name, value in os.environ.items() if name.startswith("WAITRESS_")}


def _plain(value: Any) -> Any:
    """For JSON: sets and tuples are lists there."""
    return list(value) if isinstance(value, (set, frozenset, tuple)) else value
