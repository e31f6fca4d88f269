"""The app that bench/soak.py and bench/refcounts.py drive. Run: ./waitress-serve --listen=127.0.0.1:8080 bench.soak_app:app"""
import gc
import json
import sys
import tempfile

SIZE = 1024 * 1024
PLAIN = [("Content-Type", "text/plain")]
# One file for all answers: each opens it again by its name.
FILE = tempfile.NamedTemporaryFile(prefix="waitress-soak-")
FILE.write(b"f" * SIZE)
FILE.flush()


def app(environ, start_response):
    return ROUTES.get(environ["PATH_INFO"], hello)(environ, start_response)


def hello(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "14")])
    return [b"Hello, world!\n"]


def post(environ, start_response):
    length = 0
    while block := environ["wsgi.input"].read(65536):
        length += len(block)
    text = str(length).encode()
    start_response("200 OK", [*PLAIN, ("Content-Length", str(len(text)))])
    return [text]


def stream(environ, start_response):
    start_response("200 OK", list(PLAIN))
    return (b"s" * 4096 for _ in range(64))


def endless(environ, start_response):
    # Far more than a client takes before it leaves; the server closes the generator then.
    start_response("200 OK", list(PLAIN))
    return (b"e" * 65536 for _ in range(1 << 20))


def file(environ, start_response):
    start_response("200 OK", list(PLAIN))
    return environ["wsgi.file_wrapper"](open(FILE.name, "rb"))


def fail(environ, start_response):
    raise RuntimeError("an error on purpose")


def counts(environ, start_response):
    """What Python holds: references (a debug build counts them), blocks of memory, objects that can be in a cycle."""
    while gc.collect():
        pass
    references = getattr(sys, "gettotalrefcount", lambda: None)()
    text = json.dumps({"references": references, "blocks": sys.getallocatedblocks(), "objects": len(gc.get_objects())}).encode()
    start_response("200 OK", [*PLAIN, ("Content-Length", str(len(text)))])
    return [text]


ROUTES = {"/post": post, "/stream": stream, "/endless": endless, "/file": file, "/fail": fail, "/counts": counts}
