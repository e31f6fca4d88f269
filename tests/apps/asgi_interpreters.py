"""An ASGI app for the worker class interpreter: says where it runs, waits, blocks its loop, holds WebSockets; its lifespan is marked."""
import asyncio
import sys
import threading
import time
from urllib.parse import parse_qsl

import waits
from mark import mark

IMPORTED = time.monotonic_ns()


async def lifespan(scope, receive, send):
    await receive()
    scope["state"]["loop"] = id(asyncio.get_running_loop())
    mark("started", threading.current_thread().name)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    mark("shut down", threading.current_thread().name)
    await send({"type": "lifespan.shutdown.complete"})


async def text(send, text, status=200):
    data = text.encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(data))]})
    await send({"type": "http.response.body", "body": data})


def who(scope):
    mine = scope["state"]["loop"] == id(asyncio.get_running_loop())
    return f"{IMPORTED} {threading.current_thread().name} {mine}"


async def gate(query):
    mark("entered", query["name"])
    await asyncio.get_running_loop().run_in_executor(None, waits.pass_gate, query["gate"])


async def http(scope, query, receive, send):
    path = scope["path"]
    if path == "/echo":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await text(send, query["word"] + body.decode())
    elif path == "/who":
        await text(send, who(scope))
    elif path == "/gate":
        await gate(query)
        await text(send, "passed")
    elif path == "/sleep":
        mark("entered", query["name"])
        await asyncio.sleep(1000)
    elif path == "/stream":
        # More than sockets hold, to a client that takes nothing.
        await send({"type": "http.response.start", "status": 200, "headers": []})
        mark("entered", query["name"])
        while True:
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
    elif path == "/busy":
        blocking_the_loop(float(query["s"]))
        await text(send, "was busy")
    elif path == "/subprocess":
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        await text(send, f"{out.decode().strip()} {process.returncode}")
    elif path == "/raise":
        raise ValueError("from an interpreter's loop")
    else:
        await text(send, "Hello, World!\n")


def blocking_the_loop(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def websocket(scope, query, receive, send):
    await receive()
    if scope["path"] == "/gate":
        await gate(query)
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": who(scope)})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": (message.get("text") or "") + " " + str(IMPORTED)})
    mark("disconnected", message["code"])


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    query = dict(parse_qsl(scope["query_string"].decode()))
    await (http if scope["type"] == "http" else websocket)(scope, query, receive, send)
