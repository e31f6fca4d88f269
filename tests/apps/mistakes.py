"""Apps that break PEP 3333 or raise, one per way."""
import sys

import web
from bodies import Closing
from mark import mark

TYPE = ("Content-Type", "text/plain")


def answers(status="200 OK", headers=(TYPE,), body=(b"body",)):
    def run(environ, start_response):
        start_response(status, headers if not isinstance(headers, tuple) else list(headers))
        return list(body)
    return run


def returns(value):
    def run(environ, start_response):
        start_response("200 OK", [TYPE])
        return value
    return run


def silent(environ, start_response):
    return [b"body"]


def twice(environ, start_response):
    start_response("200 OK", [TYPE])
    start_response("200 OK", [TYPE])
    return [b"body"]


def late_exc_info(environ, start_response):
    start_response("200 OK", [TYPE])
    yield b"begun"
    try:
        raise ValueError("late mistake")
    except ValueError:
        start_response("500 Oops", [TYPE], sys.exc_info())
    yield b"never"


def before(environ, start_response):
    raise ValueError("raised before headers")


def before_body(environ, start_response):
    start_response("200 OK", [TYPE])
    raise ValueError("raised after start_response")


def first_item(environ, start_response):
    start_response("200 OK", [TYPE])
    raise ValueError("raised at the first item")
    yield b""


def between(error):
    def run(environ, start_response):
        headers = [TYPE] + ([("Content-Length", "100")] if "length" in web.query(environ) else [])
        start_response("200 OK", headers)

        def blocks():
            yield b"begun"
            raise error("raised in the iterator")
        return Closing(web.query(environ).get("name", "between"), blocks())
    return run


class BadClose:
    def __iter__(self):
        return iter([b"whole body"])

    def close(self):
        raise ValueError("raised in close")


def bad_close(environ, start_response):
    start_response("200 OK", [TYPE, ("Content-Length", "10")])
    return BadClose()


def exits(error):
    def run(environ, start_response):
        raise error("leaves")
    return run


def uneven(environ, start_response):
    asked = web.query(environ)
    start_response("200 OK", [TYPE, ("Content-Length", asked["length"])])
    body = asked["body"].encode("latin-1")
    if asked.get("how") == "write":
        return []
    return [body[:3], body[3:]] if asked.get("how") == "pieces" else [body]


def uneven_write(environ, start_response):
    asked = web.query(environ)
    writer = start_response("200 OK", [TYPE, ("Content-Length", asked["length"])])
    writer(asked["body"].encode("latin-1"))
    return []


def first_then_dies(environ, start_response):
    """Marks that the app ran, so that a skipped request can be told from a served one."""
    mark("called", web.query(environ)["name"])
    raise ValueError("raised")


BARE = {"/mistake/" + name: app for name, app in {
    "status-int": answers(status=200), "status-newline": answers(status="200 OK\r\nX-Smuggled: 1"),
    "status-bytes": answers(status=b"200 OK"),
    "header-newline": answers(headers=(TYPE, ("X-Bad", "a\r\nX-Smuggled: 1"))),
    "header-lf": answers(headers=(TYPE, ("X-Bad", "a\nX-Smuggled: 1"))),
    "header-name-newline": answers(headers=(TYPE, ("X-Bad\r\nX-Smuggled", "1"))),
    "header-nul": answers(headers=(TYPE, ("X-Bad", "a\0b"))),
    "header-int": answers(headers=(TYPE, ("X-Bad", 1))), "header-name-int": answers(headers=(TYPE, (1, "a"))),
    "header-bytes": answers(headers=(TYPE, (b"X-Bad", b"a"))),
    "header-beyond-latin": answers(headers=(TYPE, ("X-Bad", "\u20ac"))),
    "headers-none": answers(headers=None), "header-triple": answers(headers=(TYPE, ("a", "b", "c"))),
    "hop-connection": answers(headers=(TYPE, ("Connection", "close"))),
    "hop-keep-alive": answers(headers=(TYPE, ("Keep-Alive", "timeout=5"))),
    "hop-transfer-encoding": answers(headers=(TYPE, ("Transfer-Encoding", "chunked"))),
    "hop-upgrade": answers(headers=(TYPE, ("Upgrade", "websocket"))), "hop-te": answers(headers=(TYPE, ("TE", "trailers"))),
    "hop-trailer": answers(headers=(TYPE, ("Trailer", "X-A"))),
    "hop-proxy-authenticate": answers(headers=(TYPE, ("Proxy-Authenticate", "Basic"))),
    "length-text": answers(headers=(TYPE, ("Content-Length", "many"))),
    "length-negative": answers(headers=(TYPE, ("Content-Length", "-1"))),
    "body-str": returns("text"), "body-str-item": returns(["text"]), "body-int-item": returns([1]),
    "body-none": returns(None), "body-int": returns(5),
    "silent": silent, "twice": twice, "late-exc-info": late_exc_info, "before": before, "before-body": before_body,
    "first-item": first_item, "between": between(ValueError), "bad-close": bad_close,
    "system-exit": exits(SystemExit), "keyboard-interrupt": exits(KeyboardInterrupt), "os-error": exits(OSError),
    "generator-exit": exits(GeneratorExit), "between-exit": between(SystemExit),
    "uneven": uneven, "uneven-write": uneven_write, "marked": first_then_dies}.items()}
