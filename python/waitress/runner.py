"""The program ``waitress-serve``: command line in, exit code out.

0: served and stopped, or help, version or settings printed. 1: the app can't be loaded or an address can't be opened.
2: the command line or a setting is wrong; all faults are printed together, and no socket was opened. 3: under a supervisor the
app can't be loaded. The same program is the supervisor and, started by it with WAITRESS_WORKER in its environment, a worker.
As in Waitress the help comes along when the command line can't be understood or the app can't be loaded: before the app's
traceback and the error, so that what the user needs is the last thing on the screen.
"""
from __future__ import annotations

import logging
import os
import shutil
import sys

import waitress
from waitress import _alone, _app, _interpreters, _logging, _settings_file, _worker
from waitress._program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from waitress._native import CommandLine, Configured
    from waitress.supervisor._upgrade import Inherited


def run(argv: list[str] | None = None, _serve: Callable[[Any, Configured], None] | None = None) -> int:
    """Run the program with ``argv`` (its first item is the program's name; ``sys.argv`` unless given)."""
    _fill_standard_descriptors()
    control = _worker.take()
    upgrade_of: Inherited | None = None
    if "WAITRESS_UPGRADE" in os.environ:
        from waitress import supervisor

        upgrade_of = supervisor.take_upgrade()
    from waitress import _native

    argv = sys.argv if argv is None else argv
    program = _program(argv[0])
    line = _native.command_line(argv[1:])
    if line["help"]:
        print(_help(program))
        return 0
    if line["version"]:
        print(f"waitress-sharp {waitress.__version__} ({_native.build})")
        return 0

    if control is not None and "keywords" in control.handoff:
        configured, faults = _configure_by_keywords(control.handoff["keywords"])
    else:
        configured, faults = _configure(line)
    surroundings = Program(configured["values"])
    faults += surroundings.faults
    if control is None or not control.again:
        faults += _logging.faults(configured["values"])
    if line["check_config"]:
        print(configured["report"].rstrip("\n"))
    if faults:
        if control is not None:
            control.failed("\n".join(faults))
        return _fail(program, faults, 2, with_help=bool(line["errors"]))
    if line["check_config"]:
        return 0
    if line["app"] is None:
        return _fail(program, ["Specify an application: module:object, for example hello:app"], 1, with_help=True)

    supervised = control is None and bool(configured["values"].get("supervised"))
    surroundings.enter(imports_app=not supervised)
    if supervised:
        return _supervise(program, line, configured, argv[1:], surroundings, upgrade_of)
    if control is not None:
        code = _worker.serve(control, line["app"], line["call"], configured)
    else:
        code = _serve_alone(program, line, configured, surroundings, _serve)
    return code if _serve is not None else _interpreters.end_process(configured, code)


def _serve_alone(
    program: str, line: CommandLine, configured: Configured, surroundings: Program, instead: Callable[[Any, Configured], None] | None
) -> int:
    assert line["app"] is not None
    try:
        _alone.serve(surroundings, line["app"], line["call"], configured, set_up_logging, instead)
    except _app.StartUpError as error:
        return _fail(program, [str(error)], error.code)
    except _app.AppError as error:
        return _fail(program, [str(error)], 1, with_help=True)
    except OSError as error:
        return _fail(program, [str(error)], 1)
    return 0


def _fill_standard_descriptors() -> None:
    """Where 0, 1 or 2 are closed, the next files to be opened would get these numbers, and our log might be written to a client."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(number, True)


def _configure(line: CommandLine) -> tuple[Configured, list[str]]:
    """The settings from every source, and the faults of all of them."""
    from waitress import _native

    faults = list(line["errors"])
    file: dict[str, Any] = {}
    file_name = None
    try:
        file, file_name = _settings_file.load(line["config"], line["app"])
    except _settings_file.SettingsFileError as error:
        faults.append(str(error))
    configured = _native.configure(line["values"], dict(os.environ), file, file_name, {})
    faults += configured["errors"]
    if configured["values"].get("supervised") and os.name == "nt":
        faults.append("There is no supervisor on Windows yet: leave out worker_class process, supervise, reload and the recycling options")
    return configured, faults


def _configure_by_keywords(keywords: dict[str, Any]) -> tuple[Configured, list[str]]:
    """In a worker of serve("module:app", ...): the settings are what the program said."""
    from waitress import _named, _native

    configured = _native.configure({}, _named.environment(), {}, None, keywords)
    return configured, configured["errors"]


def _supervise(
    program: str, line: CommandLine, configured: Configured, arguments: list[str], surroundings: Program, upgrade_of: Inherited | None
) -> int:
    from waitress import supervisor

    def reread() -> tuple[dict[str, Any], list[str]]:
        with surroundings.at_start():
            again, faults = _configure(line)
        return again["values"], faults

    try:
        code, why = supervisor.run(configured, arguments, reread, surroundings, upgrade_of=upgrade_of)
    except OSError as error:
        return _fail(program, [str(error)], 1)
    return code if why is None else _fail(program, [why], code)


def set_up_logging(configured: Configured, worker: str | None = None, patient: bool = False) -> None:
    # After the app was imported: basicConfig() does nothing where the app has set up logging already.
    _logging.set_up(configured["values"], worker=worker, patient=patient)
    for text in configured["warnings"]:
        logging.getLogger("waitress").warning("%s", text)


def _program(name: str) -> str:
    name = os.path.basename(name)
    return f"{os.path.basename(sys.executable)} -m waitress" if name == "__main__.py" else name


def _help(program: str) -> str:
    from waitress import _native

    return _native.help_text(program, shutil.get_terminal_size().columns).rstrip("\n")


def _fail(program: str, faults: list[str], code: int, with_help: bool = False) -> int:
    if with_help:
        print(f"{_help(program)}\n", file=sys.stderr)
    for fault in faults:
        # A traceback comes first and whole; the line that says what it means is the last one.
        *before, last = fault.split("\n")
        print("\n".join([*before, f"Error: {last}"]), file=sys.stderr)
    if not with_help:
        print(f"Try '{program} --help'.", file=sys.stderr)
    return code
