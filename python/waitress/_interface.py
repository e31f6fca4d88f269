"""Which interface an app has: WSGI (PEP 3333) or ASGI 3.0; found out once, before the app is served."""
from __future__ import annotations

import functools
import inspect

from waitress._app import AppError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def choose(app: Any, stated: str) -> str:
    """"wsgi" or "asgi". ``stated`` is the setting: what it names is taken as true, and auto looks. AppError for an ASGI 2 app, which
    is refused, since nothing has made them for years and each request costs one call more."""
    if stated == "wsgi":
        return stated
    if _is_asgi(app):
        return "asgi"
    if _is_asgi2(app):
        raise AppError(
            f"The app {_name(app)} is an ASGI 2 app (called with a scope alone), which this server does not serve; "
            "asgiref.compatibility.guarantee_single_callable makes an ASGI 3 app of it"
        )
    return "asgi" if stated == "asgi" else "wsgi"


def _is_asgi(app: Any) -> bool:
    while isinstance(app, functools.partial):
        app = app.func
    if inspect.isclass(app):
        return False
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))


def _is_asgi2(app: Any) -> bool:
    """A class to be made with a scope, whose objects are called with receive and send; or a function that returns such a callable."""
    if inspect.isclass(app):
        return inspect.iscoroutinefunction(getattr(app, "__call__", None))
    try:
        parameters = list(inspect.signature(app).parameters.values())
    except (TypeError, ValueError):
        return False
    return len(parameters) == 1 and parameters[0].name == "scope"


def _name(app: Any) -> str:
    return repr(getattr(app, "__qualname__", None) or type(app).__qualname__)
