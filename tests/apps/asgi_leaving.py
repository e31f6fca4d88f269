"""Routes of asgi_suite whose client leaves, whose tasks go on, or that take their time."""
import asyncio
import hashlib
import time

import web
from mark import mark


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


async def block_later(r):
    """By a task that goes on when the answer has left."""

    async def later():
        await asyncio.sleep(0.1)
        mark("blocks now")
        blocking_in_the_app(float(r.query["seconds"]))

    asyncio.create_task(later())
    await r.text("later")


def blocking_in_the_app(seconds):
    time.sleep(seconds)
