"""Talks to the echo of asgi_sockets.py with Debian's websockets package, and says what it got: python websockets_client.py PORT."""
import asyncio
import sys

import websockets


async def main(port):
    base = f"ws://127.0.0.1:{port}"
    for compression in ("deflate", None):
        async with websockets.connect(base + "/echo", compression=compression, max_size=None) as socket:
            for message in ("", "short", "\u20ac\U0001f600" * 100, "a" * 70_000, b"", b"\x00\xff" * 50_000, bytes(range(256)) * 3_000):
                await socket.send(message)
                assert await socket.recv() == message
            # A fragmented message, with a ping in the middle of it.
            async def parts():
                for number in range(10):
                    if number == 5:
                        await (await socket.ping())
                    yield f"part {number} "
            await socket.send(parts())
            assert await socket.recv() == "".join(f"part {number} " for number in range(10))
            names = [extension.name for extension in socket.extensions]
            assert names == (["permessage-deflate"] if compression else []), names
        assert (socket.close_code, socket.close_reason) == (1000, ""), socket.close_code
    async with websockets.connect(base + "/close?code=4321&reason=because") as socket:
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            print("closed", closed.code, closed.reason)
    print("done")


asyncio.run(main(sys.argv[1]))
