"""Apps for request_timeout, queue_timeout and growing pools: they take as long as the test says."""
import ctypes
import threading
import time

import waits
import web
from mark import mark

from waitress import RequestTimeout


def spin(environ, start_response):
    """Python code that would go on for a minute; what ends it is told by a mark."""
    name = web.query(environ).get("name", "spin")
    try:
        deep_in_the_app(time.monotonic() + 60)
    except RequestTimeout:
        mark("interrupted", name)
        raise
    finally:
        mark("finally", name)
    return web.text(start_response, "not reached")


def deep_in_the_app(end):
    while time.monotonic() < end:
        try:
            time.sleep(0.001)
        except Exception:
            pass  # What a retry loop does: it must not swallow the exception.


def swallow(environ, start_response):
    """Answers although it was told that its time is up."""
    try:
        deep_in_the_app(time.monotonic() + 60)
    except RequestTimeout:
        pass
    return web.text(start_response, "nobody reads this")


def stuck(environ, start_response):
    """In C, without the GIL, until the test opens the gate: no exception gets through."""
    asked = web.query(environ)
    mark("entered", asked["name"])
    waits.pass_gate(asked["gate"])
    mark("left", asked["name"])
    return web.text(start_response, "nobody reads this")


def usleep(environ, start_response):
    """The same in somebody else's C code."""
    ctypes.CDLL(None).usleep(int(web.query(environ)["us"]))
    return web.text(start_response, "slept")


def begun(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1000")])

    class Blocks:
        def __iter__(self):
            yield b"begun"
            deep_in_the_app(time.monotonic() + 60)

        def close(self):
            mark("closed", web.query(environ)["name"])

    return Blocks()


def write_later(environ, start_response):
    """Keeps start_response and write beyond its time, and tries them."""
    name = web.query(environ)["name"]
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    gone = environ["waitress.client_disconnected"]
    try:
        deep_in_the_app(time.monotonic() + 60)
    except RequestTimeout:
        for what, call in (("write", lambda: write(b"later")), ("head", lambda: start_response("200 OK", []))):
            try:
                call()
            except RequestTimeout:
                mark("refused", what, name)
        mark("gone", str(gone()), name)
    return [b"later"]


def ends_around(environ, start_response):
    """Ends at about the limit; the answer tells the request, so that a mixed one is seen."""
    asked = web.query(environ)
    end = time.monotonic() + float(asked["s"])
    while time.monotonic() < end:
        time.sleep(0.0005)
    return web.text(start_response, "ended " + asked["name"])


def nap(environ, start_response):
    time.sleep(float(web.query(environ).get("s", "0.01")))
    return web.text(start_response, "slept")


def compute(environ, start_response):
    end = time.thread_time() + float(web.query(environ).get("s", "0.003"))
    while time.thread_time() < end:
        pass
    return web.text(start_response, "computed")


def hello(environ, start_response):
    return web.text(start_response, "Hello, World!\n")


def threads(environ, start_response):
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("waitress-")]
    return web.text(start_response, str(len(names)))


ROUTES = {"/spin": spin, "/swallow": swallow, "/stuck": stuck, "/usleep": usleep, "/begun": begun, "/later": write_later, "/around": ends_around,
          "/nap": nap, "/compute": compute, "/hello": hello, "/threads": threads}


def app(environ, start_response):
    return ROUTES[environ["PATH_INFO"]](environ, start_response)
