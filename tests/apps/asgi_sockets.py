"""WebSockets, one coroutine per path, nothing but the protocol; HTTP requests get a hello, or a counter."""
import asyncio
import json
from urllib.parse import parse_qsl

import waits
from mark import mark

counts = {}
everybody = set()


class Socket:
    def __init__(self, scope, receive, send):
        self.scope, self.receive, self.send = scope, receive, send
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.name = self.query.get("name", "")

    async def accept(self, **more):
        message = await self.receive()
        assert message == {"type": "websocket.connect"}, message
        await self.send({"type": "websocket.accept", **more})

    async def messages(self):
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                mark("disconnected", self.name, message["code"], message["reason"])
                return
            yield message

    async def text(self, text):
        await self.send({"type": "websocket.send", "text": text})

    async def close(self, code, reason=None):
        await self.send({"type": "websocket.close", "code": code, "reason": reason})

    async def gate(self):
        mark("entered", self.name)
        await asyncio.get_running_loop().run_in_executor(None, waits.pass_gate, self.query["gate"])


async def echo(s):
    await s.accept()
    async for message in s.messages():
        data = {key: value for key, value in message.items() if key in ("text", "bytes") and value is not None}
        await s.send({"type": "websocket.send", **data})


async def scope(s):
    await s.accept(subprotocol=(s.scope["subprotocols"] or [None])[-1], headers=[(b"x-extra", b"yes"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    await s.text(json.dumps(dict(s.scope), default=lambda data: data.decode("latin-1")))
    async for _ in s.messages():
        pass


async def close(s):
    await s.accept()
    await s.close(int(s.query["code"]), s.query.get("reason"))
    mark("then", s.name, (await s.receive())["code"])
    try:
        await s.text("too late")
    except OSError:
        mark("oserror", s.name)


async def deny(s):
    assert (await s.receive())["type"] == "websocket.connect"
    await s.close(1008)
    mark("denied", s.name, (await s.receive())["type"])


async def deny_http(s):
    await s.receive()
    size, parts = int(s.query["size"]), int(s.query.get("parts", 1))
    await s.send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Basic")]})
    for part in range(parts):
        await s.send({"type": "websocket.http.response.body", "body": b"d" * size, "more_body": part < parts - 1})
    mark("denied", s.name, (await s.receive())["type"])


async def fails(s):
    if "after" in s.query:
        await s.accept()
    if "deny" in s.query:
        await s.receive()
        await s.send({"type": "websocket.http.response.start", "status": 401, "headers": []})
    if "return" not in s.query:
        raise RuntimeError("broken socket " + s.name)


async def mistake(s):
    """Sends what does not belong there, and tells what that raised."""
    kind = s.query["kind"]
    first = {
        "send-first": {"type": "websocket.send", "text": "x"},
        "body-first": {"type": "websocket.http.response.body", "body": b""},
        "http": {"type": "http.response.start", "status": 200},
        "bad-header": {"type": "websocket.accept", "headers": [(b"a", b"b\r\nc")]},
        "bad-subprotocol": {"type": "websocket.accept", "subprotocol": "a\r\nb"},
    }
    later = {
        "accept-twice": {"type": "websocket.accept"},
        "nothing": {"type": "websocket.send"},
        "text-as-bytes": {"type": "websocket.send", "bytes": "text"},
        "surrogate": {"type": "websocket.send", "text": "\ud800"},
        "code-1005": {"type": "websocket.close", "code": 1005},
        "code-99": {"type": "websocket.close", "code": 99},
    }
    said = "nothing"
    try:
        if kind in first:
            await s.send(first[kind])
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    await s.accept()
    try:
        if kind in later:
            await s.send(later[kind])
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    await s.text(said)
    await s.close(1000)


async def big(s):
    await s.accept()
    size = int(s.query["size"])
    await s.send({"type": "websocket.send", "bytes": bytes(i * 7 % 251 for i in range(251)) * (size // 251)})
    await s.text("t" * size)
    async for _ in s.messages():
        pass


async def flood(s):
    """Sends until it can't."""
    await s.accept()
    block = b"f" * 65_536
    try:
        for number in range(100_000):
            await s.send({"type": "websocket.send", "bytes": block})
            counts[s.name] = number + 1
    except OSError:
        mark("oserror", s.name)


async def slow(s):
    """Reads nothing until the gate opens, then all of it."""
    await s.accept()
    await s.gate()
    number = size = 0
    async for message in s.messages():
        if message.get("text") == "end":
            await s.text(f"{number} {size}")
            continue
        number, size = number + 1, size + len(message["bytes"])


async def gather(s):
    """Several tasks send at once, more than the client takes."""
    await s.accept()
    await asyncio.gather(*(s.send({"type": "websocket.send", "bytes": bytes([number]) * 1_000_000}) for number in range(8)))
    await s.close(1000)


async def broadcast(s):
    await s.accept()
    everybody.add(s)
    await s.text("joined")
    try:
        async for message in s.messages():
            for each in list(everybody):
                await each.text(message["text"])
    finally:
        everybody.discard(s)


async def lingering(s):
    """Ends while a task of its own, which nobody else knows, waits for a message."""
    await s.accept()

    async def wait():
        message = await s.receive()
        mark(message["type"], s.name, message["code"])

    asyncio.create_task(wait())
    await asyncio.sleep(0)


async def never(s):
    """Does not decide before the client has left."""
    await s.receive()
    mark("entered", s.name)
    message = await s.receive()
    mark(message["type"], s.name, message["code"])
    try:
        await s.send({"type": "websocket.accept"})
    except OSError:
        mark("oserror", s.name)


async def tasks(s):
    """One task reads while another writes, as with channels; the reading is given up now and then."""
    await s.accept()
    got = []
    waiting = asyncio.ensure_future(s.receive())
    for number in range(100):
        await s.text(str(number))
        await asyncio.wait([waiting], timeout=0.001)
        if waiting.done():
            got.append(waiting.result()["text"])
            waiting = asyncio.ensure_future(s.receive())
        elif number % 10 == 0:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            waiting = asyncio.ensure_future(s.receive())
    while len(got) < 20:
        got.append((await waiting)["text"])
        waiting = asyncio.ensure_future(s.receive())
    waiting.cancel()
    await s.text(",".join(got))
    await s.close(1000)


ROUTES = {f"/{name.replace('_', '-')}": each for name, each in dict(globals()).items() if asyncio.iscoroutinefunction(each)}


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await ROUTES[scope["path"]](Socket(scope, receive, send))
        return
    assert scope["type"] == "http"
    name = scope["query_string"].decode()
    if scope["path"] == "/hello":
        body = b"Hello, World!\n"
    elif scope["path"] == "/rss":
        with open("/proc/self/status") as file:
            body = next(line.split()[1] for line in file if line.startswith("VmRSS")).encode()
    else:
        body = str(counts.get(name, 0)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
