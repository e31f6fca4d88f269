"""The program ``waitress-serve``: command line in, exit code out.

0: served and stopped, or help, version or settings printed. 1: the app can't be loaded or an address can't be opened.
2: the command line or a setting is wrong; all faults are printed together, and no socket was opened.
"""
from __future__ import annotations

import logging
import os
import shutil
import sys

import waitress
from waitress import _app, _interpreters, _settings_file
from waitress.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from waitress._native import CommandLine, Configured


def run(argv: list[str] | None = None, _serve: Callable[[Any, Configured], None] | None = None) -> int:
    """Run the program with ``argv`` (its first item is the program's name; ``sys.argv`` unless given)."""
    from waitress import _native

    argv = sys.argv if argv is None else argv
    program = _program(argv[0])
    line = _native.command_line(argv[1:])
    if line["help"]:
        print(_native.help_text(program, shutil.get_terminal_size().columns).rstrip("\n"))
        return 0
    if line["version"]:
        print(f"waitress-sharp {waitress.__version__} ({_native.build})")
        return 0

    configured, faults = _configure(line)
    if line["check_config"]:
        print(configured["report"].rstrip("\n"))
    if faults:
        return _fail(program, faults, 2)
    if line["check_config"]:
        return 0
    if line["app"] is None:
        return _fail(program, ["Specify an application: module:object, for example hello:app"], 1)

    interpreters = configured["values"].get("worker_class") == "interpreter"
    try:
        if interpreters:
            _interpreters.check()
            app = _interpreters.AppName(line["app"], line["call"])
        else:
            app = _app.load(line["app"], line["call"])
    except _app.AppError as error:
        return _fail(program, [str(error)], 1)
    _set_up_logging(configured)
    try:
        (_serve or _open_and_run)(app, configured)
        code = 0
    except (OSError, _app.AppError) as error:
        code = _fail(program, [str(error)], 1)
    return _interpreters.end_process(code) if interpreters and _serve is None else code


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
    return configured, faults + configured["errors"]


def _open_and_run(app: Any, configured: Configured) -> None:
    waitress.run_server(Server(app, configured))


def _set_up_logging(configured: Configured) -> None:
    # After the app was imported: basicConfig() does nothing where the app has set up logging already.
    logger = logging.getLogger("waitress")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    logging.basicConfig()
    for text in configured["warnings"]:
        logger.warning("%s", text)


def _program(name: str) -> str:
    name = os.path.basename(name)
    return f"{os.path.basename(sys.executable)} -m waitress" if name == "__main__.py" else name


def _fail(program: str, faults: list[str], code: int) -> int:
    for fault in faults:
        # A traceback comes first and whole; the line that says what it means is the last one on the screen.
        *before, last = fault.split("\n")
        print("\n".join([*before, f"Error: {last}"]), file=sys.stderr)
    print(f"Try '{program} --help'.", file=sys.stderr)
    return code
