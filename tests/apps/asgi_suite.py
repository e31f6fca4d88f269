"""The app most tests of asynchronous apps talk to: nothing but the protocol, one coroutine per path."""
import asyncio
import hashlib
import os
import threading
import time

import asgi_leaving
import asgi_mistakes
import web
from asgi_request import Request
from mark import mark


async def hello(r):
    await r.text("Hello, World!\n")


async def plain_scope(r):
    await r.json({key: value for key, value in r.scope.items()})


async def digest(r):
    mark("begun", r.name)
    sha, size, messages, largest = hashlib.sha256(), 0, 0, 0
    async for block in r.blocks():
        sha.update(block)
        size, messages, largest = size + len(block), messages + 1, max(largest, len(block))
    await r.json({"sha256": sha.hexdigest(), "length": size, "messages": messages, "largest": largest})


async def echo(r):
    await r.start()
    async for block in r.blocks():
        await r.body(block, more=True)
    await r.body()


async def unread(r):
    await r.text("unread")


async def stream(r):
    await r.start()
    for number in range(int(r.query.get("count", 3))):
        await r.body(b"part %d\n" % number, more=True)
        if "pause" in r.query:
            await asyncio.sleep(0)
    await r.body()


async def first(r):
    """The head and a part, the gate, the rest."""
    await r.start()
    await r.body(b"" if "empty" in r.query else b"first", more=True)
    await r.gate()
    await r.body(b"second")


async def gate(r):
    await r.gate()
    await r.text("waited " + r.name)


async def status(r):
    await r.start(int(r.query["code"]), [(b"x-seen", b"yes")])
    await r.body(b"forbidden here")


async def big(r):
    """So many bytes in one message, or in blocks; how far it came is told."""
    size, block = int(r.query["size"]), int(r.query.get("block", 0))
    await r.start(200, [(b"content-length", b"%d" % size)] if "length" in r.query else ())
    sent = 0
    try:
        if not block:
            await r.body(web.pattern(size))
            sent = size
        while sent < size:
            await r.body(web.pattern(block, sent), more=sent + block < size)
            sent += block
            counts[r.name] = sent
    except OSError as error:
        mark("oserror", r.name, isinstance(error, ConnectionError))
        raise
    mark("sent", r.name, sent)


counts = {}


async def sent(r):
    await r.text(str(counts.get(r.name, 0)))


async def rss(r):
    with open("/proc/self/status") as file:
        await r.text(next(line.split()[1] for line in file if line.startswith("VmHWM" if "peak" in r.query else "VmRSS")))


# Extensions.

async def path(r):
    headers = [(b"content-length", b"%d" % os.path.getsize(r.query["path"]))] if "length" in r.query else ()
    await r.start(200, headers)
    try:
        await r.send({"type": "http.response.pathsend", "path": r.query["path"]})
    except OSError as error:
        mark(type(error).__name__, r.name)
        await r.body(b"no such file")


async def trailers(r):
    await r.start(200, [(b"trailer", b"x-sum")], trailers=True)
    await r.body(b"summed", more=True)
    await r.body(b"")
    await r.send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")], "more_trailers": True})
    await r.send({"type": "http.response.trailers", "headers": [(b"x-more", b"43")]})


async def hints(r):
    """One before the head, with a gate behind it; one between head and body; and one that comes too late."""
    def hint(*links):
        return {"type": "http.response.early_hint", "links": links}

    await r.send(hint(b"</a.css>; rel=preload; as=style", b"</caf\xe9.js>; rel=preload; as=script"))
    if "gate" in r.query:
        await r.gate()
    for number in range(int(r.query.get("many", 0))):
        await r.send(hint(b"</%d>" % number))
        await asyncio.sleep(0)
    await r.start(200, [(b"x-final", b"yes")])
    await r.send(hint(b"</" + b"x" * 300 + b">"))
    await r.send(hint())
    await r.body(b"hin", more=True)
    await r.send(hint(b"</late>"))
    await r.body(b"ted")


async def large_head(r):
    await r.start(200, [(b"x-large-%d" % number, web.pattern(1000, number).hex().encode()) for number in range(20)])
    await r.body(b"large")


async def thread(r):
    await r.json({"thread": threading.current_thread().name, "loop": type(asyncio.get_running_loop()).__module__, "pid": os.getpid()})


async def supervised(r):
    if "slow" in r.query:
        await asyncio.sleep(0.2)
    await r.text(f"{os.getpid()} {r.name}")


async def hang(r):
    mark("hanging")
    time.sleep(1000)


ROUTES = {
    f"/{name.replace('_', '-')}": each
    for space in (globals(), vars(asgi_leaving), vars(asgi_mistakes))
    for name, each in list(space.items())
    if asyncio.iscoroutinefunction(each)
}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("this app has no lifespan")
    route = ROUTES.get(scope["path"], plain_scope)
    await route(Request(scope, receive, send))


def factory():
    return app


class Old:
    """An ASGI 2 app."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        raise AssertionError("never called")


class Holder:
    async def __call__(self, scope, receive, send):
        await app(scope, receive, send)


holder = Holder()
