"""Drives a running server with requests of every kind and prints how much its memory grew.

Bounded: it ends after --requests or --seconds, whichever comes first, and talks to loopback only. It needs nothing but Python, and Linux
for the memory (VmRSS in /proc). Start bench.soak_app first; bench/README.md has the commands.
"""
from __future__ import annotations

import argparse
import itertools
import socket
import sys
import threading
import time

MEMORY_BODY = b"m" * 65_536
FILE_BODY = b"f" * 700_000  # above inbuf_overflow (512 KiB): a temporary file
TIMEOUT = 30.0
KINDS = ("hello", "post", "post-file", "stream", "file", "error", "leave-body", "leave-answer", "half-close")


class Unexpected(Exception):
    """An answer that the kind of request does not allow."""


class Client:
    """One thread's connection; made anew when the server or the kind of request has ended it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address, self.sock, self.file = address, None, None

    def send(self, head: str, body: bytes = b"") -> None:
        if self.sock is None:
            self.sock = socket.create_connection(self.address, TIMEOUT)
            self.file = self.sock.makefile("rb")
        self.sock.sendall(f"{head} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def receive(self) -> tuple[int, int]:
        """Status and length of the body; closes the connection where the answer says so."""
        line = self.file.readline()
        if not line.startswith(b"HTTP/1.1 "):
            raise Unexpected(f"no status line but {line[:60]!r}")
        fields = {}
        while (field := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = field.partition(b":")
            fields[name.strip().lower()] = value.strip().lower()
        if fields.get(b"transfer-encoding") == b"chunked":
            length = 0
            while size := int(self.file.readline(), 16):
                length += len(self.file.read(size))
                self.file.readline()
            self.file.readline()
        else:
            length = len(self.file.read(int(fields[b"content-length"])))
        if fields.get(b"connection") == b"close":
            self.close()
        return int(line[9:12]), length

    def close(self) -> None:
        if self.sock is not None:
            self.file.close()
            self.sock.close()
            self.sock = None


def expect(client: Client, status: int, length: int | None = None) -> None:
    got, size = client.receive()
    if got != status or (length is not None and size != length):
        raise Unexpected(f"{got} with {size} bytes instead of {status} with {length}")


def run_kind(client: Client, kind: str) -> None:
    if kind == "hello":
        client.send("GET /")
        expect(client, 200, 14)
    elif kind in ("post", "post-file"):
        client.send("POST /post", FILE_BODY if kind == "post-file" else MEMORY_BODY)
        expect(client, 200)
    elif kind == "stream":
        client.send("GET /stream")
        expect(client, 200, 64 * 4096)
    elif kind == "file":
        client.send("GET /file")
        expect(client, 200, 1024 * 1024)
    elif kind == "error":
        client.send("GET /fail")
        expect(client, 500)
    else:
        client.close()
        leave(client, kind)


def leave(client: Client, kind: str) -> None:
    """The kinds that end their connection: amid the body, amid the answer, or one direction only."""
    if kind == "leave-body":
        client.send("GET /")
        expect(client, 200, 14)
        client.sock.sendall(b"POST /post HTTP/1.1\r\nHost: soak\r\nContent-Length: 100000\r\n\r\n" + b"b" * 1000)
    elif kind == "leave-answer":
        client.send("GET /endless")
        client.file.read(1000)
    else:
        client.send("GET /")
        client.sock.shutdown(socket.SHUT_WR)
        expect(client, 200, 14)
    client.close()


def rss(pid: int) -> int:
    """Resident memory in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def phase(args: argparse.Namespace, address: tuple[str, int], requests: int) -> tuple[int, float, list[str]]:
    """Sends that many requests from all threads, the kinds in turn; returns how many were answered, seconds, faults."""
    numbers = itertools.count()
    done, faults, lock = [0], [], threading.Lock()
    start = time.monotonic()

    def work() -> None:
        client = Client(address)
        while (number := next(numbers)) < requests and time.monotonic() < args.deadline and len(faults) < 20:
            kind = args.kinds[number % len(args.kinds)]
            try:
                run_kind(client, kind)
                with lock:
                    done[0] += 1
            except (OSError, ValueError, KeyError, Unexpected) as error:
                faults.append(f"{kind}: {type(error).__name__}: {error}")
                client.close()
        client.close()

    threads = [threading.Thread(target=work) for _ in range(args.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done[0], time.monotonic() - start, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8080, help="the server's port on 127.0.0.1")
    parser.add_argument("--pid", type=int, required=True, help="the server's process, whose memory is read")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600, help="the whole run ends after this at the latest")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--kinds", default=",".join(KINDS), help="of: " + " ".join(KINDS))
    args = parser.parse_args()
    args.kinds = args.kinds.split(",")
    args.deadline = time.monotonic() + args.seconds
    if unknown := set(args.kinds) - set(KINDS):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    # A tenth first, uncounted: pools and caches fill once.
    parts = [max(1, args.requests // 10)] + [max(1, args.requests // 5)] * 5
    before, sizes, faults = rss(args.pid), [], []
    for number, requests in enumerate(parts):
        done, seconds, wrong = phase(args, ("127.0.0.1", args.port), requests)
        faults += wrong
        sizes.append(rss(args.pid))
        name = "warm-up" if number == 0 else f"part {number}"
        print(f"{name}: {done} of {requests} requests in {seconds:.1f} s, {sizes[-1]} KiB resident", flush=True)
    print(f"resident: {before} KiB at the start, {sizes[0]} after the warm-up, {sizes[-1]} at the end; "
          f"growth after the warm-up {sizes[-1] - sizes[0]:+d} KiB")
    for fault in faults[:10]:
        print("fault:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
