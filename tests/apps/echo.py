"""Tells the client what reached the app: the environ, or length and digest of the body."""
import hashlib

import web
from mark import mark


def hello(environ, start_response):
    return web.text(start_response, "Hello, World!\n")


def environment(environ, start_response):
    plain = (str, int, bool, tuple)
    return web.as_json(start_response, {
        key: [type(value).__name__, value if isinstance(value, plain) else None] for key, value in environ.items()})


def digest(environ, start_response):
    """Reads to the end in steps; the mark tells when the app got the request."""
    name = web.query(environ).get("name")
    if name:
        mark("called", name)
    sha, length, stream = hashlib.sha256(), 0, environ["wsgi.input"]
    while True:
        block = stream.read(8192)
        if not block:
            break
        if name and length == 0:
            mark("reading", name)
        length += len(block)
        sha.update(block)
    return web.as_json(start_response, {
        "length": length, "sha256": sha.hexdigest(), "CONTENT_LENGTH": environ.get("CONTENT_LENGTH"),
        "HTTP_TRANSFER_ENCODING": environ.get("HTTP_TRANSFER_ENCODING"), "terminated": environ.get("wsgi.input_terminated")})


def unread(environ, start_response):
    mark("called", web.query(environ).get("name", "unread"))
    return web.text(start_response, "unread")


def lines(environ, start_response):
    stream = environ["wsgi.input"]
    first = stream.readline().decode("latin-1")
    part = stream.read(2).decode("latin-1")
    rest = [line.decode("latin-1") for line in stream]
    return web.as_json(start_response, {"first": first, "part": part, "rest": rest, "end": stream.read(1).decode("latin-1")})


def seeks(environ, start_response):
    stream = environ["wsgi.input"]
    whole = stream.read()
    stream.seek(2)
    return web.as_json(start_response, {"again": stream.read().decode("latin-1"), "length": len(whole), "tell": stream.tell()})


def writes_errors(environ, start_response):
    environ["wsgi.errors"].write("MARK errors %s\n" % web.query(environ)["name"])
    environ["wsgi.errors"].flush()
    return web.text(start_response, "written")


VALID = {"/": hello, "/hello": hello, "/environ": environment, "/digest": digest, "/unread": unread, "/lines": lines,
         "/errors": writes_errors}
BARE = {"/seeks": seeks, "/environ/bare": environment}
