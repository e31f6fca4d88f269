"""What ``--reload`` serves while the app can't be imported: the traceback, to each request, until the next change.

The developer sees what is wrong in the browser as in the terminal, and no answer of code that is not there any more. Only with
--reload, which is for development: the text shows paths and code.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def page(text: str) -> WSGIApplication:
    """An app that answers with 500 and ``text``."""
    body = f"The app could not be imported. It is tried again at the next change of a file.\n\n{text}\n".encode("utf-8", "replace")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response("500 Internal Server Error", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app
