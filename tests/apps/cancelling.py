"""Gives its awaits up at points that a seed decides, in all the ways in which frameworks do it.

/work?seed=N takes a body and answers with its digest, the WebSocket /work?seed=N echoes; /state tells what is left behind. What receive() has not
handed over must still come after it was given up, and a WebSocket's message that send() has taken must arrive once: the client checks both.
"""
import asyncio
import gc
import hashlib
import json
import random
import sys
from urllib.parse import parse_qsl

import anyio


class Cancelled:
    """Awaits a coroutine whose task is cancelled at its n-th suspension."""

    def __init__(self, coroutine, number):
        self.coroutine, self.number = coroutine, number

    def __await__(self):
        task, steps = asyncio.current_task(), self.coroutine.__await__()
        step, value = steps.send, None
        while True:
            try:
                future = step(value)
            except StopIteration as end:
                return end.value
            self.number -= 1
            if self.number == 0:
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                step, value = steps.send, (yield future)
            except BaseException as error:
                step, value = steps.throw, error


async def tampered(rng, make):
    """Awaits make(), or gives it up on the way: (whether it is done, its result)."""
    kind, pause = rng.randrange(8), rng.choice((0, 0, 0.001, 0.003))
    if kind == 1:
        try:
            return True, await asyncio.wait_for(make(), pause)
        except asyncio.TimeoutError:
            return False, None
    if kind == 2:
        with anyio.move_on_after(pause):
            return True, await make()
        return False, None
    if kind == 3:
        task = asyncio.create_task(make())
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, asyncio.CancelledError):
            return False, None
        if isinstance(result, BaseException):
            raise result
        return True, result
    if kind == 4:
        async with anyio.create_task_group() as group:
            async def end():
                await anyio.sleep(pause)
                group.cancel_scope.cancel()
            group.start_soon(end)
            result = await make()
            group.cancel_scope.cancel()
            return True, result
        return False, None
    if kind == 5:
        # The awaitable outlives the wait for it, and is waited for again.
        task = asyncio.ensure_future(make())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # which nobody may be left to ask for
        try:
            return True, await asyncio.wait_for(asyncio.shield(task), pause)
        except asyncio.TimeoutError:
            return True, await task
    if kind == 6:
        dropped = make()
        del dropped
        return False, None
    return True, await make()


async def insist(rng, make):
    """Until it is done."""
    done = False
    while not done:
        done, result = await tampered(rng, make)
    return result


class Left(Exception):
    pass


async def http(rng, query, receive, send, late):
    sends_tampered, size = rng.random() < 0.3, rng.choice((0, 10, 5_000, 300_000, 1_500_000))
    exact = not late and not sends_tampered
    sha, more, length = hashlib.sha256(), rng.random() < 0.9, 0
    while more:
        message = await insist(rng, receive)
        if message["type"] == "http.disconnect":
            raise Left
        sha.update(message["body"])
        length += len(message["body"])
        more = message["more_body"]
    watch = asyncio.ensure_future(receive()) if rng.random() < 0.5 else None  # until the answer is whole, or the client has left
    try:
        body = json.dumps({"length": length, "sha256": sha.hexdigest()}).encode() + b"\n" + b"p" * size
        headers = [(b"content-length", b"%d" % len(body))] if rng.random() < 0.5 else []
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, (b"x-exact", b"%d" % (exact and length > 0))]})
        block = rng.choice((1_000_000, 70_000, 30_000))
        for at in range(0, len(body), block):
            message = {"type": "http.response.body", "body": body[at:at + block], "more_body": at + block < len(body)}
            if sends_tampered:
                await tampered(rng, lambda message=message: send(message))
            else:
                await send(message)
            if rng.random() < 0.1:
                await asyncio.sleep(rng.choice((0, 0.002)))
    finally:
        if watch is not None and rng.random() < 0.5:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def socket(rng, query, receive, send, late):
    await insist(rng, receive)
    if rng.random() < 0.1:
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    while True:
        message = await insist(rng, receive)
        if message["type"] == "websocket.disconnect":
            return
        answer = {"type": "websocket.send", **{key: value for key, value in message.items() if key != "type"}}
        once = []

        def make(answer=answer, once=once):
            # It is sent when send() is called, not when it is awaited: so no second time.
            if not once:
                once.append(send(answer))
                return once[0]
            return asyncio.sleep(0)
        await tampered(rng, make)


async def work(scope, receive, send):
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    rng = random.Random(int(query["seed"]))
    late = rng.random() < 0.3
    body = (socket if scope["type"] == "websocket" else http)(rng, query, receive, send, late)
    if not late:
        try:
            await body
        except (Left, OSError):
            pass
        return
    try:
        await Cancelled(body, rng.choice((1, 1, 2, 3, 4, 6, 9, 14, 20)))
    except (Left, OSError):
        return
    except asyncio.CancelledError:
        kind = rng.randrange(4)
        if kind == 0:
            raise
        if kind == 1:
            return
        if kind == 2:
            await asyncio.sleep(0.01)  # a second cancellation does not come
        try:
            await (send({"type": "websocket.close", "code": 4000}) if scope["type"] == "websocket" else send({"type": "http.response.body", "body": b"late"}))
        except (OSError, RuntimeError):
            pass


async def state(send):
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0)
    with open("/proc/self/status") as file:
        rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    body = json.dumps({"tasks": len(asyncio.all_tasks()), "blocks": sys.getallocatedblocks(), "rss": rss}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("this app has no lifespan")
    await (work(scope, receive, send) if scope["path"] == "/work" else state(send))
