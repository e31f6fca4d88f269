"""What os.fork() in a request means: the parent serves on, the child may do anything but serve.

The native module calls install() when it is imported, so a process that never started the engine forks as it pleases and
can serve in its children. The engine's part, and why it can't live in a child, is told in its class Fork.
"""
from __future__ import annotations

import os
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import NoReturn

_in_child = False


def install(native: ModuleType) -> None:
    """Have the engine's hooks called around each fork of this interpreter."""

    def before() -> None:
        if not _in_child:
            native.before_fork()

    def after_in_parent() -> None:
        if not _in_child:
            native.after_fork_in_parent()

    def after_in_child() -> None:
        # A child that forks again has nothing to hold still any more.
        global _in_child
        if not _in_child:
            _in_child = True
            native.after_fork_in_child()

    os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)


def leave(error: BaseException | None) -> NoReturn:
    """End a child that came back from the app call, as Python would end a program that does: without its parent's exit hooks.

    The exit code is that of SystemExit, 1 for any other exception, 0 for a child that returned. The answer that it made goes
    nowhere, since its connection belongs to the parent; the line on standard error says so.
    """
    code = 0
    try:
        if isinstance(error, SystemExit):
            code = _exit_code(error.code)
        elif error is not None:
            code = 1
            traceback.print_exception(type(error), error, error.__traceback__)
        else:
            print(f"waitress: process {os.getpid()}, forked inside a request, returned from the app; only its parent answers "
                  "the client. End such a child with os._exit().", file=sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
