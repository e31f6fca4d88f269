"""create_server(): settings and sockets of a caller become a server, or one ValueError that names everything that is wrong."""
from __future__ import annotations

import os
import socket
import warnings

from waitress import _interpreters, _logging, _sockets
from waitress.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed.wsgi import WSGIApplication


def create_server(application: WSGIApplication | str, **kw: Any) -> Server:
    """Open the sockets for ``application`` and return the server; its run() serves. See waitress.serve() for keywords and errors.

    Settings not given as keywords may come from ``WAITRESS_*`` environment variables. ``PORT`` and ``WEB_CONCURRENCY``
    belong to the platform, not to us, and count on the command line only: a program that calls serve(app) and finds
    port 8080 taken for granted must not move because of them.
    """
    if application is None:
        raise ValueError("The app is None: pass the WSGI application itself (a factory that returns nothing?)")
    from waitress import _native

    faults: list[str] = []
    sockets: list[socket.socket] = []
    if kw.get("sockets") is None:
        kw.pop("sockets", None)  # Not stated.
    else:
        sockets = list(kw["sockets"])
        faults = _sockets.check(sockets)
        # The engine owns and closes what it is given, so it gets duplicates; the caller's sockets stay the caller's.
        kw = {**kw, "sockets": [] if faults else [_sockets.duplicate(sock) for sock in sockets]}
    environ = {name: value for name, value in os.environ.items() if name.startswith("WAITRESS_")}
    configured = _native.configure({}, environ, {}, None, kw)
    faults += configured["errors"]
    by_name = configured["values"].get("worker_class") == "interpreter"
    if not faults and configured["values"].get("supervised"):
        faults = [
            "These settings need a supervisor, whose worker processes import the app themselves: name it as text, as in "
            "waitress.serve('module:app', ...), or use the command line"
        ]
    elif not faults and by_name != isinstance(application, str):
        faults = [
            "worker_class interpreter imports the app in each interpreter: name it, as in serve('module:object')" if by_name
            else "The app is a name: create_server() takes one for worker_class interpreter only"
        ]
    if faults:
        for descriptor in kw.get("sockets", ()):
            socket.close(descriptor)
        raise ValueError("\n".join(faults))
    for text in configured["warnings"]:
        # Python shows a DeprecationWarning only to the program that causes it; anything else must be seen.
        warnings.warn(text, DeprecationWarning if "deprecated" in text else UserWarning, stacklevel=3)
    if _logging.is_stated(configured["values"]):
        _logging.set_up(configured["values"])
    return Server(_interpreters.load_app(configured, str(application), False) if by_name else application, configured)
