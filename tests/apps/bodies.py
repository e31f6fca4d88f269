"""Every kind of response body that PEP 3333 allows."""
import json

import web
from mark import mark

PLAIN = [("Content-Type", "text/plain")]


def kind(make):
    def run(environ, start_response):
        start_response("200 OK", list(PLAIN))
        return make()
    return run


def spelled():
    yield b"one"
    yield b"two"
    yield b"three"


class Closing:
    """An iterator that tells how often it was closed and how far it came."""

    def __init__(self, name, blocks):
        self.name, self.blocks, self.closed, self.given = name, iter(blocks), 0, 0

    def __iter__(self):
        return self

    def __next__(self):
        block = next(self.blocks)
        self.given += len(block)
        return block

    def close(self):
        self.closed += 1
        mark("closed", self.name, self.closed)


def closing(environ, start_response):
    start_response("200 OK", list(PLAIN))
    return Closing(web.query(environ)["name"], [b"one", b"two", b"three"])


def write(environ, start_response):
    writer = start_response("200 OK", list(PLAIN))
    writer(b"one")
    writer(b"two")
    return [b"three"]


def status(environ, start_response):
    """Status, headers (a JSON list of pairs) and body as the query says."""
    asked = web.query(environ)
    headers = [tuple(pair) for pair in json.loads(asked.get("headers", "[]"))]
    start_response(asked["status"], headers)
    return [asked["body"].encode("latin-1")] if asked.get("body") else []


def big(environ, start_response):
    """SIZE bytes of the pattern in steps; without `length` the size is not announced."""
    asked = web.query(environ)
    size, step, name = int(asked["size"]), int(asked.get("step", "65536")), asked.get("name", "big")
    headers = list(PLAIN)
    if "length" in asked:
        headers.append(("Content-Length", str(size)))
    start_response("200 OK", headers)

    def blocks():
        at = 0
        while at < size:
            count = min(step, size - at)
            produced[name] = at + count
            yield web.pattern(count, at)
            at += count
        mark("produced", name, size)
    return Closing(name, blocks())


produced = {}


def progress(environ, start_response):
    return web.text(start_response, str(produced.get(web.query(environ)["name"], 0)))


def one_big(environ, start_response):
    return web.text(start_response, web.pattern(int(web.query(environ)["size"])).decode("latin-1"))


def replaced(environ, start_response):
    """Changes its mind before a byte has gone: the second headers win."""
    import sys
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5"), ("X-First", "1")])
    try:
        raise ValueError("changed")
    except ValueError:
        start_response("409 Conflict", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"second answer"]


VALID = {"/list": kind(lambda: [b"one", b"two", b"three"]), "/empty": kind(list),
         "/tuple": kind(lambda: (b"one", b"two", b"three")), "/generator": kind(spelled),
         "/blanks": kind(lambda: [b"", b"one", b"", b"two", b"three", b""]), "/closing": closing, "/write": write,
         "/big": big, "/progress": progress, "/one-big": one_big, "/replaced": replaced}
# Bare: the validator hides the length of a list.
BARE = {"/one": kind(lambda: [b"one"]), "/bytearray": kind(lambda: [bytearray(b"one"), memoryview(b"two"), b"three"]),
        "/status": status}
