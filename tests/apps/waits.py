"""Apps that wait for the test: it holds a lock on a file, the app asks for a shared one and gets it when the test lets go."""
import fcntl
import time

import web
from bodies import Closing
from mark import mark


def pass_gate(path):
    with open(path) as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)


def wait(environ, start_response):
    asked = web.query(environ)
    mark("entered", asked["name"])
    pass_gate(asked["gate"])
    mark("left", asked["name"])
    return web.text(start_response, "waited " + asked["name"])


def wait_after_first(environ, start_response):
    """One item, then the gate, then the rest: what has gone out before the gate opens shows what is held back."""
    asked = web.query(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])

    def blocks():
        yield b"first"
        mark("entered", asked["name"])
        pass_gate(asked["gate"])
        yield b"second"
    return Closing(asked["name"], blocks())


def read_at_gate(environ, start_response):
    """Reads its body before the gate and once more after it."""
    asked = web.query(environ)
    size = len(environ["wsgi.input"].read(1 << 30))
    mark("entered", asked["name"])
    pass_gate(asked["gate"])
    return web.text(start_response, str(size))


def until_gone(environ, start_response):
    """Asks whether the client has gone until it has; 30 s at most."""
    asked = web.query(environ)
    mark("entered", asked["name"])
    gone = environ["waitress.client_disconnected"]
    end = time.monotonic() + 30
    while not gone() and time.monotonic() < end:
        time.sleep(0.005)
    mark("gone" if gone() else "stayed", asked["name"])
    return web.text(start_response, "done")


def connected(environ, start_response):
    return web.text(start_response, str(environ["waitress.client_disconnected"]()))


VALID = {"/wait": wait, "/wait/first": wait_after_first, "/wait/body": read_at_gate, "/until-gone": until_gone,
         "/connected": connected}
