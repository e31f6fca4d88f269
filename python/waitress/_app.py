"""From an app spec (``module:object.attribute`` or ``package.module.object``) to the callable that is served.

What goes wrong is an AppError whose text is ready to print: what was looked for, where, and the app's own traceback.
"""
from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any

# The names frameworks give their WSGI callable; only for the hint when a spec stops at the module.
USUAL_NAMES = ("app", "application", "wsgi", "wsgi_app", "main")


class AppError(Exception):
    """The app can't be served; the text says why."""


class StartUpError(AppError):
    """An asynchronous app was told of its start and refused, or can't be told; the text says why."""

    code = 3  # the program's exit code, as Uvicorn's


class LoopError(AppError):
    """The event loop that the setting names can't be had, through no fault of the app's."""


def load(spec: str, call: bool = False) -> Any:
    """Import and return the app; with ``call`` the named object is a factory, called without arguments.

    The current directory is importable, after everything else: a file there never hides an installed package.
    """
    directory = os.getcwd()
    if directory not in sys.path:
        sys.path.append(directory)
    try:
        app = _resolve(spec)
    except Exception as error:
        raise AppError(_explain(spec, error)) from error
    if call:
        if not callable(app):
            raise AppError(f"'{spec}' is {_kind(app)}: --call needs a callable that returns the app")
        try:
            app = app()
        except Exception as error:
            raise AppError(f"{_own_traceback(error)}\nThe factory '{spec}' raised {type(error).__name__}") from error
    _check(spec, app, call)
    return app


def _resolve(spec: str) -> Any:
    try:
        return pkgutil.resolve_name(spec)
    except AttributeError as error:
        # With dots only, a module that fails to import looks like a missing attribute of its package. Say the real cause.
        if ":" not in spec:
            _raise_hidden_import_error(spec, error)
        raise


def _raise_hidden_import_error(spec: str, error: AttributeError) -> None:
    parts = spec.split(".")
    for end in range(2, len(parts) + 1):
        name = ".".join(parts[:end])
        try:
            importlib.import_module(name)
        except ImportError as hidden:
            if isinstance(hidden, ModuleNotFoundError) and hidden.name == name:
                return  # there is no such module: the missing attribute is the true story
            raise hidden from None


def _explain(spec: str, error: Exception) -> str:
    module = spec.partition(":")[0]
    if isinstance(error, ValueError) and not _own_frames(error.__traceback__):
        return f"'{spec}' is not the name of an app: write module:object, for example hello:app"
    if isinstance(error, ModuleNotFoundError) and not _own_frames(error.__traceback__):
        return (
            f"There is no module '{error.name}'. Looked for the app '{spec}' in {os.getcwd()} "
            f"and in the import path of {sys.executable}"
        )
    if isinstance(error, AttributeError) and not _own_frames(error.__traceback__):
        return f"{error}. Looked for the app '{spec}'{_where(sys.modules.get(module))}"
    return f"{_own_traceback(error)}\nThe app '{spec}' could not be imported: {type(error).__name__}: {error}"


def _check(spec: str, app: Any, call: bool) -> None:
    name = f"what the factory '{spec}' returned" if call else f"'{spec}'"
    if not callable(app):
        hint = ""
        if inspect.ismodule(app):
            found = next((name for name in USUAL_NAMES if callable(getattr(app, name, None))), None)
            hint = f"; did you mean {spec}:{found}?" if found else f"; name the app in it, as in {spec}:app"
        raise AppError(f"The app is not callable: {name} is {_kind(app)}{hint}")


def _kind(thing: Any) -> str:
    if thing is None:
        return "None"
    return "a module" if inspect.ismodule(thing) else f"an object of type {type(thing).__name__}"


def _where(module: ModuleType | None) -> str:
    file = getattr(module, "__file__", None)
    return f" in {file}" if file else ""


def _own_frames(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is neither ours nor the import machinery's; None when there is none."""
    while tb is not None:
        file = tb.tb_frame.f_code.co_filename
        if not (file in (__file__, pkgutil.__file__, importlib.__file__) or file.startswith("<frozen importlib")):
            return tb
        tb = tb.tb_next
    return None


def _own_traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, _own_frames(error.__traceback__))).rstrip()
