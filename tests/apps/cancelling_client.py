"""Clients of cancelling.py, which pause, leave and half-close at points that a seed decides: python cancelling_client.py PORT SEED COUNT.

Checks each answer that the app has announced as exact, and the echo of each WebSocket; prints how many of each there were. What it finds wrong is told with
the seed of the request, and the exit code is 1.
"""
import asyncio
import hashlib
import json
import random
import sys

import websockets

PATIENCE = 40
AT_ONCE = 24


class Wrong(Exception):
    pass


class Cut(Exception):
    """The server has ended the connection before its answer was whole."""


async def exactly(reader, length):
    try:
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Cut from error


async def line(reader):
    try:
        text = await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Cut from error
    return text[:-2].decode("latin-1")


async def answer(reader, rng):
    """Status, headers and body of one answer; Wrong when its framing is."""
    status = await line(reader)
    if not status.startswith("HTTP/1.1 "):
        raise Wrong(f"no status line but {status!r}")
    headers = {}
    while field := await line(reader):
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    if rng.random() < 0.3:
        await asyncio.sleep(rng.choice((0.001, 0.01)))
    if headers.get("transfer-encoding") != "chunked":
        return int(status[9:12]), headers, await exactly(reader, int(headers["content-length"]))
    body = b""
    while length := int(await line(reader), 16):
        body += await exactly(reader, length)
        if await line(reader):
            raise Wrong("a chunk is longer than it says")
    if await line(reader):
        raise Wrong("something behind the last chunk")
    return int(status[9:12]), headers, body


async def request(reader, writer, rng, seed, counts):
    """One request; whether the connection may have another."""
    body = rng.randbytes(rng.choice((1, 100, 5_000, 200_000)))
    sha = hashlib.sha256(body).hexdigest()
    chunked = rng.random() < 0.5
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    writer.write(f"POST /work?seed={seed} HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n".encode())
    leaves = rng.random() < 0.3
    until = rng.randrange(len(body) + 1) if leaves else len(body)
    block = max(1, rng.choice((len(body), len(body) // 3, len(body) // 10)))
    for at in range(0, until, block):
        part = body[at:min(until, at + block)]
        writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if rng.random() < 0.5:
            await asyncio.sleep(rng.choice((0, 0.001, 0.004)))
    if leaves:
        if rng.random() < 0.5:
            writer.transport.abort()
        counts["left"] += 1
        return False
    if chunked:
        writer.write(b"0\r\n\r\n")
    if rng.random() < 0.15:
        await asyncio.sleep(rng.choice((0, 0.002)))
        writer.transport.abort()
        counts["left"] += 1
        return False
    if half := rng.random() < 0.15:
        writer.write_eof()
    try:
        status, headers, data = await answer(reader, rng)
    except Cut:
        counts["cut"] += 1
        return False
    if headers.get("x-exact") == "1":
        seen = json.loads(data[:data.index(b"\n")])
        if seen != {"length": len(body), "sha256": sha} or data[data.index(b"\n") + 1:].strip(b"p"):
            raise Wrong(f"{seen} for {len(body)} bytes with the digest {sha}")
        counts["exact"] += 1
    counts[str(status)] = counts.get(str(status), 0) + 1
    return not half and headers.get("connection") != "close"


async def http(port, rng, seed, counts):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    try:
        for number in range(rng.randrange(1, 4)):
            if not await request(reader, writer, rng, seed + number, counts):
                break
    except ConnectionError:
        counts["cut"] += 1
    finally:
        writer.close()


async def socket(port, rng, seed, counts):
    number, at = rng.randrange(1, 30), 0
    try:
        async with websockets.connect(f"ws://127.0.0.1:{port}/work?seed={seed}", compression=rng.choice(("deflate", None)), close_timeout=PATIENCE) as connection:
            messages = [rng.randbytes(rng.choice((0, 10, 5_000, 100_000))) if rng.random() < 0.5 else f"text {each} " + "t" * rng.choice((0, 70_000)) for each in range(number)]

            async def write():
                for message in messages:
                    await connection.send(message)
                    if rng.random() < 0.2:
                        await asyncio.sleep(rng.choice((0, 0.002)))

            writing = asyncio.create_task(write())
            leaves = rng.randrange(number) if rng.random() < 0.3 else None
            try:
                for at in range(number):
                    if at == leaves:
                        if rng.random() < 0.5:
                            connection.transport.abort()
                        counts["left"] += 1
                        return
                    if await connection.recv() != messages[at]:
                        raise Wrong(f"message {at} of {number} is not the one that was sent")
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            counts["echoed"] += 1
    except websockets.InvalidStatusCode as refused:
        counts[f"socket {refused.status_code}"] = counts.get(f"socket {refused.status_code}", 0) + 1
    except (websockets.ConnectionClosed, websockets.InvalidMessage, OSError):
        counts["closed"] += 1


async def main(port, first, count):
    counts = {"exact": 0, "echoed": 0, "left": 0, "cut": 0, "closed": 0}
    wrong = []
    seats = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        seed = first * 1_000_000 + number * 10
        rng = random.Random(-seed)
        async with seats:
            try:
                await asyncio.wait_for((socket if number % 3 == 0 else http)(port, rng, seed, counts), PATIENCE)
            except Exception as error:
                wrong.append(f"seed {seed} ({'socket' if number % 3 == 0 else 'http'}): {type(error).__name__}: {error}")

    await asyncio.gather(*(one(number) for number in range(count)))
    print(json.dumps(counts))
    for each in wrong[:10]:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*(int(argument) for argument in sys.argv[1:4]))))
