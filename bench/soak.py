"""Drives a running server with requests of every kind and records how its memory grows.

Bounded: it ends after --requests or --seconds, whichever comes first, and talks to loopback only. It needs nothing but Python, and Linux
for the memory (/proc). Start bench.soak_app first; bench/README.md has the commands. Each client is a process with one connection.
"""
from __future__ import annotations

import argparse
import multiprocessing
import socket
import statistics
import sys
import time

TIMEOUT = 30.0
SHARE = 500  # requests that a client takes at a time: small enough that all clients end a part together
MOST_FAULTS = 20
BUFFER = bytearray(1024 * 1024)
KINDS = ("hello", "post", "post-file", "stream", "file", "error", "leave-body", "leave-answer", "half-close")


def request(line: str, body: bytes = b"", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return f"{line} HTTP/1.1\r\nHost: soak\r\nContent-Length: {length}\r\n\r\n".encode() + body


HELLO = request("GET /")
REQUESTS = {
    "hello": (HELLO, 200, 14),
    "post": (request("POST /post", b"m" * 65_536), 200, 5),
    "post-file": (request("POST /post", b"f" * 700_000), 200, 6),  # above inbuf_overflow (512 KiB): a temporary file
    "stream": (request("GET /stream"), 200, 64 * 4096),
    "file": (request("GET /file"), 200, 1024 * 1024),
    "error": (request("GET /fail"), 500, None),
}
PART_OF_A_BODY = request("POST /post", b"b" * 1000, length=100_000)
ENDLESS = request("GET /endless")


class Unexpected(Exception):
    """An answer that the kind of request does not allow."""


class Client:
    """One connection; made anew when the server or the kind of request has ended it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address, self.sock, self.file = address, None, None

    def send(self, data: bytes) -> None:
        if self.sock is None:
            self.sock = socket.create_connection(self.address, TIMEOUT)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.file = self.sock.makefile("rb", 65_536)
        self.sock.sendall(data)

    def expect(self, status: int, length: int | None) -> None:
        """Reads an answer to its end; closes the connection where the answer says so."""
        line = self.file.readline()
        if not line.startswith(b"HTTP/1.1 "):
            raise Unexpected(f"no status line but {line[:60]!r}")
        fields = {}
        while (field := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = field.partition(b":")
            fields[name.strip().lower()] = value.strip().lower()
        size = self.skip_chunks() if fields.get(b"transfer-encoding") == b"chunked" else self.skip(int(fields[b"content-length"]))
        if int(line[9:12]) != status or (length is not None and size != length):
            raise Unexpected(f"{int(line[9:12])} with {size} bytes instead of {status} with {length}")
        if fields.get(b"connection") == b"close":
            self.close()

    def skip_chunks(self) -> int:
        length = 0
        while size := int(self.file.readline(), 16):
            length += self.skip(size)
            self.file.readline()
        self.file.readline()
        return length

    def skip(self, size: int) -> int:
        if (got := self.file.readinto(memoryview(BUFFER)[:size])) != size:
            raise Unexpected(f"the answer ended after {got} of {size} bytes")
        return size

    def close(self) -> None:
        if self.sock is not None:
            self.file.close()
            self.sock.close()
            self.sock = None


def run_kind(client: Client, kind: str) -> None:
    if kind in REQUESTS:
        data, status, length = REQUESTS[kind]
        client.send(data)
        client.expect(status, length)
        return
    # The kinds that end their connection: amid the body, amid the answer, or one direction only.
    client.close()
    if kind == "leave-body":
        client.send(HELLO)
        client.expect(200, 14)
        client.send(PART_OF_A_BODY)
    elif kind == "leave-answer":
        client.send(ENDLESS)
        client.file.read(1000)
    else:
        client.send(HELLO)
        client.sock.shutdown(socket.SHUT_WR)
        client.expect(200, 14)
    client.close()


def run_share(share: tuple[argparse.Namespace, int, int]) -> tuple[int, list[str]]:
    """The requests of these numbers, the kinds in turn; in a process of the pool. Returns how many were answered, and faults."""
    args, first, count = share
    client, done, faults = Client(("127.0.0.1", args.port)), 0, []
    for number in range(first, first + count):
        if time.monotonic() > args.deadline or len(faults) >= MOST_FAULTS:
            break
        kind = args.kinds[number % len(args.kinds)]
        try:
            run_kind(client, kind)
            done += 1
        except (OSError, ValueError, KeyError, Unexpected) as error:
            faults.append(f"{kind}: {type(error).__name__}: {error}")
            client.close()
    client.close()
    return done, faults


def memory(pid: int) -> tuple[int, int]:
    """Resident memory in KiB: all of it, and the part that is not mapped from files."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmRSS"].split()[0]), int(fields["RssAnon"].split()[0])


def run_part(pool: multiprocessing.pool.Pool, args: argparse.Namespace, requests: int) -> tuple[int, list[str]]:
    done, faults = 0, []
    shares = [(args, first, min(SHARE, requests - first)) for first in range(0, requests, SHARE)]
    for number, wrong in pool.imap_unordered(run_share, shares):
        done += number
        faults += wrong
    return done, faults


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8080, help="the server's port on 127.0.0.1")
    parser.add_argument("--pid", type=int, required=True, help="the server's process, whose memory is read")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600, help="the whole run ends after this at the latest")
    parser.add_argument("--clients", type=int, default=8, help="processes, each with one connection at a time")
    parser.add_argument("--parts", type=int, default=20, help="the memory is read after each")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of: " + " ".join(KINDS))
    args = parser.parse_args()
    args.kinds = args.kinds.split(",")
    args.deadline = time.monotonic() + args.seconds
    if unknown := set(args.kinds) - set(KINDS):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    return args


def main() -> int:
    args = parse()
    start, total, faults, sizes = time.monotonic(), 0, [], []
    print("requests   seconds   resident KiB   of it anonymous KiB")
    print("%8d %9.0f %14d %21d" % (0, 0, *memory(args.pid)), flush=True)
    # The first part is the warm-up: pools and caches fill once.
    with multiprocessing.get_context("fork").Pool(args.clients) as pool:
        for _ in range(args.parts + 1):
            done, wrong = run_part(pool, args, max(1, args.requests // args.parts))
            total, faults = total + done, faults + wrong
            resident, anonymous = memory(args.pid)
            sizes.append((total, resident))
            print("%8d %9.0f %14d %21d" % (total, time.monotonic() - start, resident, anonymous), flush=True)
            if len(faults) >= MOST_FAULTS or time.monotonic() > args.deadline:
                break
    # The later half alone: what grows for good grows there too.
    late = sizes[len(sizes) // 2:]
    if len(late) > 1:
        slope = statistics.linear_regression(*zip(*late)).slope
        print(f"growth after the first part {sizes[-1][1] - sizes[0][1]:+d} KiB; in the later half {slope * 1024:+.2f} bytes per request")
    print(f"{len(faults)} faults" if faults else "no wrong answer")
    for fault in faults[:10]:
        print("fault:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
