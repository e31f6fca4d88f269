"""What open connections cost a server: memory of each WebSocket and of each idle keep-alive connection, and how long a broadcast takes.

    python3 bench/asgi_connections.py --sockets=5000 --idle=10000 --upload=1024 -- waitress-serve --listen=127.0.0.1:{port} bench.asgi_soak_app:app

Starts the server, which has to run bench.asgi_soak_app and may be any that runs ASGI apps, and ends it. Loopback only; Linux for the memory (/proc). The limit of open
files (ulimit -n) has to be above the connections on both sides.
"""
from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import struct
import subprocess
import sys
import time

PATIENCE = 120.0
HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)  # fmt: skip
HELLO = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
UPLOAD_BLOCK = bytes(1024 * 1024)


class Connection(asyncio.Protocol):
    """Sends its first bytes and waits for the end of a head; then counts messages, which are shorter than 126 bytes."""

    def __init__(self, first: bytes) -> None:
        self.first, self.buffer, self.messages, self.lost = first, b"", 0, False
        self.ready = asyncio.get_running_loop().create_future()
        self.wanted, self.reached = 0, None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.first)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.ready.done():
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if end:
                self.buffer = rest if head.split(b" ")[1] == b"101" else b""
                self.ready.set_result(int(head.split(b" ")[1]))
            return
        while len(self.buffer) >= 2 and len(self.buffer) >= (length := 2 + self.buffer[1]):
            self.messages += self.buffer[0] == 0x81
            self.buffer = self.buffer[length:]
        if self.reached is not None and self.messages >= self.wanted:
            self.reached.set_result(None)
            self.reached = None

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        for future in (self.ready, self.reached):
            if future is not None and not future.done():
                future.set_exception(ConnectionError(f"the server has closed a connection ({error})"))

    def until(self, messages: int) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        if self.messages >= messages:
            future.set_result(None)
        else:
            self.wanted, self.reached = messages, future
        return future


def frame(text: bytes) -> bytes:
    """As clients send it: masked, here with a mask of zeros."""
    return struct.pack("!BB4x", 0x81, 0x80 | len(text)) + text


async def open_all(port: int, count: int, first: bytes) -> list[Connection]:
    """Some at a time, as the backlog of a listening socket is short."""
    loop, made = asyncio.get_running_loop(), []
    while len(made) < count:
        some = [(await loop.create_connection(lambda: Connection(first), "127.0.0.1", port))[1] for _ in range(min(200, count - len(made)))]
        await asyncio.wait_for(asyncio.gather(*(each.ready for each in some)), PATIENCE)
        made += some
    return made


def close_all(connections: list[Connection]) -> int:
    lost = sum(each.lost for each in connections)
    for each in connections:
        each.transport.abort()
    return lost


def memory(pid: int) -> int:
    """Resident, in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def hold(args: argparse.Namespace, pid: int, name: str, count: int, first: bytes) -> None:
    for each in await open_all(args.port, 50, first):  # what is made once
        each.transport.abort()
    await asyncio.sleep(1)
    before, began = memory(pid), time.monotonic()
    connections = await open_all(args.port, count, first)
    opened = time.monotonic() - began
    await asyncio.sleep(2)
    held = memory(pid)
    print(f"{count} of {name}: opened in {opened:.1f} s, from {before} to {held} KiB, {(held - before) / count:.1f} KiB each")
    if first is HANDSHAKE:
        times, used = [], cpu(pid)
        for turn in range(1, args.turns + 1):
            began = time.monotonic()
            arrived = [each.until(turn) for each in connections]
            connections[turn].transport.write(frame(b"turn %d" % turn))
            await asyncio.wait_for(asyncio.gather(*arrived), PATIENCE)
            times.append(time.monotonic() - began)
        print(f"  broadcast to all, {args.turns} times: median {statistics.median(times):.3f} s, longest {max(times):.3f} s, "
              f"{(cpu(pid) - used) / args.turns / count * 1e6:.1f} us of CPU per message; {memory(pid)} KiB afterwards")  # fmt: skip
    print(f"  lost meanwhile: {close_all(connections)}")
    await asyncio.sleep(3)
    print(f"  after they have left: {memory(pid)} KiB")


def upload(port: int, mebibytes: int, pid: int) -> None:
    before, most, began = memory(pid), 0, time.monotonic()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"POST /post HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n" % (mebibytes << 20))
        for number in range(mebibytes):
            client.sendall(UPLOAD_BLOCK)
            if number % 16 == 0:
                most = max(most, memory(pid))
        answer = client.recv(65536)
    if not answer.endswith(b"\r\n\r\n%d" % (mebibytes << 20)):
        raise SystemExit(f"the upload was answered by {answer!r}")
    print(f"upload of {mebibytes} MiB: {time.monotonic() - began:.1f} s, memory from {before} to {max(most, memory(pid))} KiB at most")


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8391)
    parser.add_argument("--sockets", type=int, default=5000)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=10, help="broadcasts")
    parser.add_argument("--upload", type=int, default=0, metavar="MIB", help="a body of so many MiB")
    parser.add_argument("command", nargs="+", help="the server; {port} is filled in")
    args = parser.parse_args()
    parts = []
    if args.idle:
        parts.append(lambda pid: asyncio.run(hold(args, pid, "idle keep-alive connection", args.idle, HELLO)))
    if args.sockets:
        parts.append(lambda pid: asyncio.run(hold(args, pid, "WebSocket", args.sockets, HANDSHAKE)))
    if args.upload:
        parts.append(lambda pid: upload(args.port, args.upload, pid))
    for part in parts:  # each with a server of its own: what one has needed another could use again
        server = subprocess.Popen([word.replace("{port}", str(args.port)) for word in args.command], stderr=subprocess.DEVNULL)
        try:
            wait_for(args.port, server)
            part(server.pid)
        finally:
            server.terminate()
            server.wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
