"""The app most tests of asynchronous apps talk to: nothing but the protocol, one coroutine per path."""
import asyncio
import hashlib
import json
import os
import threading
import time
from urllib.parse import parse_qsl

import waits
import web
from mark import mark


class Request:
    """What the routes share; bytes of the scope as Latin-1."""

    def __init__(self, scope, receive, send):
        self.scope, self.receive, self.send = scope, receive, send
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.name = self.query.get("name", "")

    async def start(self, status=200, headers=(), **more):
        await self.send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain"), *headers], **more})

    async def body(self, data=b"", more=False):
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def text(self, text, status=200):
        data = text.encode("utf-8")
        await self.start(status, [(b"content-length", b"%d" % len(data))])
        await self.body(data)

    async def json(self, value):
        await self.text(json.dumps(value, default=lambda data: data.decode("latin-1")))

    async def blocks(self):
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                mark("cut", self.name)
                raise ConnectionError("the client left in its body")
            more = message.get("more_body", False)
            yield message.get("body", b"")

    async def gate(self):
        mark("entered", self.name)
        await asyncio.get_running_loop().run_in_executor(None, waits.pass_gate, self.query["gate"])
        mark("left", self.name)


async def hello(r):
    await r.text("Hello, World!\n")


async def plain_scope(r):
    await r.json({key: value for key, value in r.scope.items()})


async def digest(r):
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


# Mistakes of the app.

async def mistake(r):
    """Sends what its query says and tells what that raised; then answers as it should, where it can."""
    kind = r.query["kind"]
    started = False
    try:
        if kind == "body-first":
            await r.body(b"x")
        elif kind == "start-twice":
            await r.start()
            started = True
            await r.start()
        elif kind == "unknown-type":
            await r.send({"type": "http.response.unheard"})
        elif kind == "no-type":
            await r.send({})
        elif kind == "no-dict":
            await r.send("http.response.start")
        elif kind == "no-status":
            await r.send({"type": "http.response.start"})
        elif kind == "text-status":
            await r.send({"type": "http.response.start", "status": "200"})
        elif kind == "status-100":
            await r.send({"type": "http.response.start", "status": 100})
        elif kind == "text-header":
            await r.send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        elif kind == "newline":
            await r.send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]})
        elif kind == "bad-name":
            await r.send({"type": "http.response.start", "status": 200, "headers": [(b"a b", b"c")]})
        elif kind == "three":
            await r.send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b", b"c")], "x": 1})
        elif kind == "no-list":
            await r.send({"type": "http.response.start", "status": 200, "headers": 7})
        elif kind == "text-body":
            await r.start()
            started = True
            await r.send({"type": "http.response.body", "body": "text"})
        elif kind == "trailers-unannounced":
            await r.start()
            started = True
            await r.send({"type": "http.response.trailers", "headers": []})
        elif kind == "websocket":
            await r.send({"type": "websocket.accept"})
        elif kind == "hint-text":
            await r.send({"type": "http.response.early_hint", "links": ["</a>"]})
        elif kind == "hint-bytes":
            await r.send({"type": "http.response.early_hint", "links": b"</a>"})
        elif kind == "hint-none":
            await r.send({"type": "http.response.early_hint"})
        elif kind == "hint-newline":
            await r.send({"type": "http.response.early_hint", "links": [b"</a>", b"</b>\r\nc: d"]})
        elif kind == "hint-large":
            await r.send({"type": "http.response.early_hint", "links": [b"</a>" * 1000] * 5})
        elif kind == "no-argument":
            await r.send()
        elif kind == "receive-argument":
            await r.receive(1)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    else:
        said = "nothing"
    if started:
        await r.body(said.encode())
    else:
        await r.text(said)


async def after_end(r):
    await r.text("whole")
    for message in ({"type": "http.response.body"}, {"type": "http.response.start", "status": 200}):
        try:
            await r.send(message)
        except Exception as error:
            mark("refused", r.name, type(error).__name__)


async def raises(r):
    if "after" in r.query:
        await r.start()
        if "part" in r.query:
            await r.body(b"part", more=True)
    if "exit" in r.query:
        raise SystemExit(5)
    raise RuntimeError("broken on purpose " + r.name)


async def silent(r):
    if "after" in r.query:
        await r.start()
        await r.body(b"part", more=True)


async def length(r):
    await r.start(200, [(b"content-length", r.query["says"].encode())])
    await r.body(b"x" * int(r.query["gives"]))


async def connection_header(r):
    await r.start(200, [(b"connection", r.query["value"].encode()), (b"transfer-encoding", b"chunked"), (b"keep-alive", b"5"), (b"content-length", b"2")])
    await r.body(b"ok")


# Leaving.

async def until_left(r):
    """Reads its body, then waits until the client leaves."""
    async for _ in r.blocks():
        pass
    mark("entered", r.name)
    message = await r.receive()
    mark(message["type"], r.name)
    mark("again", (await r.receive())["type"], r.name)
    try:
        await r.text("to nobody")
        mark("sent", r.name)
    except OSError:
        mark("oserror", r.name)


async def watch(r):
    """As frameworks do: one task streams, another watches for the client's leaving."""
    await r.start()

    async def left():
        while (await r.receive())["type"] != "http.disconnect":
            pass
        mark("left", r.name)

    watcher = asyncio.create_task(left())
    try:
        for number in range(10_000):
            await r.body(b"tick %d\n" % number, more=True)
            if watcher.done():
                return
            await asyncio.sleep(0.01)
    except OSError:
        mark("oserror", r.name)
    finally:
        await asyncio.wait([watcher], timeout=30)
        mark("done", r.name)


async def half(r):
    """Answers after a while, and watches meanwhile."""
    await r.receive()
    watcher = asyncio.create_task(r.receive())
    await asyncio.sleep(float(r.query["after"]))
    left = watcher.done()
    watcher.cancel()
    await r.text(f"left {left}")


# Tasks.

async def background(r):
    await r.text("answered")
    await r.gate()


async def tasks(r):
    """receive() in a task, and twice under a wait_for that gives up."""
    seen = [(await asyncio.create_task(r.receive()))["type"]]
    for _ in range(3):
        try:
            await asyncio.wait_for(r.receive(), 0.01)
            seen.append("message")
        except asyncio.TimeoutError:
            seen.append("timeout")
    waiting = asyncio.create_task(r.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        seen.append("cancelled")
    await asyncio.create_task(r.start())
    await asyncio.gather(r.body(b"a", more=True), r.body(b"b", more=True))
    await r.body(" ".join(seen).encode())


async def lingering(r):
    """Ends while a task of its own, which nobody else knows, waits for a message."""
    async for _ in r.blocks():
        pass

    async def wait():
        mark((await r.receive())["type"], r.name)

    asyncio.create_task(wait())
    await asyncio.sleep(0)


async def slow_body(r):
    """Gives up waiting for the body, and takes it all the same."""
    sha = hashlib.sha256()
    late = 0
    more = True
    while more:
        try:
            message = await asyncio.wait_for(r.receive(), 0.02)
        except asyncio.TimeoutError:
            if late == 0:
                mark("late", r.name)
            late += 1
            continue
        sha.update(message["body"])
        more = message["more_body"]
    await r.json({"sha256": sha.hexdigest(), "late": late > 0})


async def cancelled_send(r):
    """A send that waits for the client is cancelled: the answer is cut, since what it held is lost."""
    size = 50_000_000
    await r.start(200, [(b"content-length", b"%d" % size)])
    try:
        await asyncio.wait_for(r.body(web.pattern(size), more=True), 0.2)
        mark("whole", r.name)
    except asyncio.TimeoutError:
        mark("gave up", r.name)
    await r.body(b"")


async def sleep(r):
    mark("entered", r.name)
    try:
        await sleeping_in_the_app(float(r.query.get("seconds", 600)))
    except asyncio.CancelledError:
        mark("cancelled", r.name)
        if "stubborn" in r.query:
            await asyncio.sleep(0.05)
            try:
                await r.text("nobody reads this")
            except Exception as error:
                mark(type(error).__name__, r.name)
        raise
    await r.text("slept")


async def sleeping_in_the_app(seconds):
    await asyncio.sleep(seconds)


async def block(r):
    blocking_in_the_app(float(r.query["seconds"]))
    await r.text("blocked")


def blocking_in_the_app(seconds):
    time.sleep(seconds)


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


ROUTES = {f"/{name.replace('_', '-')}": each for name, each in dict(globals()).items() if asyncio.iscoroutinefunction(each)}


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
