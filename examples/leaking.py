"""An app that grows with every request, for docs/memory-leak.md. Run: ./waitress-serve --port=8080 --supervise examples.leaking:app"""
from itertools import count

NUMBERS = count(1)
VISITS = {}


class Visit:
    """What somebody wanted to look at later, and nobody takes out again."""

    def __init__(self, path):
        self.path = path
        self.page = b"<p>" + b"x" * 20_000 + b"</p>"


def app(environ, start_response):
    visit = Visit(environ["PATH_INFO"])
    VISITS[f"visit-{next(NUMBERS)}"] = visit
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(visit.page)))])
    return [visit.page]
