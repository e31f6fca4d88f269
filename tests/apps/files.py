"""wsgi.file_wrapper over files of every kind; the validator would hide the wrapper, so these run bare."""
import gzip
import io
import os
import tempfile

import web
from mark import mark


class Told:
    """A file that marks its close and leaves the rest to the file."""

    def __init__(self, inner, name):
        self.inner, self.name = inner, name

    def close(self):
        mark("file-closed", self.name)
        self.inner.close()

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Pipe:
    """Can be read, not sought; PEP 3333 asks for no more."""

    def __init__(self, inner):
        self.inner = inner

    def read(self, size=-1):
        return self.inner.read(size)

    def close(self):
        self.inner.close()


def real(size):
    file = tempfile.TemporaryFile()
    file.write(web.pattern(size))
    file.seek(0)
    return file


def packed(size):
    file = tempfile.NamedTemporaryFile()
    with gzip.open(file.name, "wb") as writer:
        writer.write(web.pattern(size))
    return gzip.open(file.name, "rb")


def wrapped(environ, start_response):
    asked = web.query(environ)
    size = int(asked["size"])
    kind = asked["kind"]
    file = {"real": lambda: real(size), "memory": lambda: io.BytesIO(web.pattern(size)),
            "pipe": lambda: Pipe(io.BytesIO(web.pattern(size))), "gzip": lambda: packed(size),
            "buffered-gzip": lambda: io.BufferedReader(packed(size)),
            "buffered-memory": lambda: io.BufferedReader(io.BytesIO(web.pattern(size)))}[kind]()
    if "offset" in asked:
        file.seek(int(asked["offset"]))
    if "name" in asked:
        file = Told(file, asked["name"])
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in asked:
        headers.append(("Content-Length", asked["length"]))
    start_response(asked.get("status", "200 OK"), headers)
    return environ["wsgi.file_wrapper"](file, int(asked.get("block", "32768")))


def iterated(environ, start_response):
    """The wrapper used as a plain iterable by a middleware: it must give the file's bytes."""
    wrapper = environ["wsgi.file_wrapper"](real(100_000), 1000)
    sizes = [len(block) for block in wrapper]
    wrapper.close()
    return web.as_json(start_response, {"blocks": len(sizes), "bytes": sum(sizes), "longest": max(sizes)})


BARE = {"/file": wrapped, "/file/iterated": iterated}
