#!/usr/bin/env python3
"""What slow readers cost the others: p99 of normal requests with and without N clients that take a large answer slowly.

    python3 bench/slow_readers.py --readers 200 --rounds 5 -- waitress-serve --listen=127.0.0.1:{port} bench.slow_readers:app

Each round starts the command (with {port} filled) and measures GET / with wrk (16 connections) twice: while N connections idle beside
it, and while N readers hold a 4 MiB answer each and read 1 KiB a second. Both times the same one thread of this program reads N
sockets at that pace, in the first measurement from socket pairs of its own: what its wake-ups cost on a machine with few cores is no
matter of the server. Rounds alternate in their order. Only loopback, bounded by --rounds and --seconds. Needs wrk.
"""
import argparse
import re
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time

SIZE = 4 * 1024 * 1024
# Writing 200 answers to temporary files keeps the disk busy for a moment after the readers have begun.
SETTLE_SECONDS = 2


def app(environ, start_response):
    body = b"x" * SIZE if environ["PATH_INFO"] == "/large" else b"Hello, World!"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


class Readers(threading.Thread):
    """Reads 1 KiB a second from each socket, one after the other, evenly spread over the second."""

    def __init__(self, sockets):
        super().__init__(daemon=True)
        self.sockets, self.stop = sockets, threading.Event()

    def run(self):
        pause = 1 / len(self.sockets)
        due = time.monotonic()
        while not self.stop.is_set():
            for sock in self.sockets:
                due += pause
                if self.stop.wait(max(0.0, due - time.monotonic())):
                    return
                try:
                    sock.recv(1024)
                except BlockingIOError:
                    pass

    def end(self):
        self.stop.set()
        self.join()
        for sock in self.sockets:
            sock.close()


def readers_of(port, count):
    sockets = []
    for _ in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /large HTTP/1.1\r\nHost: bench\r\n\r\n")
        sockets.append(client)
    with selectors.DefaultSelector() as waiting:
        for client in sockets:
            waiting.register(client, selectors.EVENT_READ)
        deadline = time.monotonic() + 30
        while waiting.get_map():
            ready = waiting.select(deadline - time.monotonic())
            if not ready:
                sys.exit("a reader got no answer within 30 s: no worker was free")
            for key, _ in ready:
                waiting.unregister(key.fileobj)
    for client in sockets:
        client.setblocking(False)
    return sockets


def idle_of(port, count):
    """As many connections and as many reads, but nothing for the server to do."""
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    pairs = [socket.socketpair() for _ in range(count)]
    for near, far in pairs:
        near.setblocking(False)
        far.send(b"x" * 64 * 1024)
    return [near for near, _ in pairs], idle + [far for _, far in pairs]


def measure(port, seconds):
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
    ).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def one(port, seconds, count, slow):
    sockets, kept = (readers_of(port, count), []) if slow else idle_of(port, count)
    readers = Readers(sockets)
    readers.start()
    try:
        time.sleep(SETTLE_SECONDS)
        return measure(port, seconds)
    finally:
        readers.end()
        for sock in kept:
            sock.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    results = {False: [], True: []}
    for number in range(args.rounds):
        order = (False, True) if number % 2 == 0 else (True, False)
        for slow in order:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            server = subprocess.Popen([word.format(port=port) for word in args.command], stderr=subprocess.DEVNULL)
            try:
                wait_for(port)
                measure(port, 1)
                results[slow].append(one(port, args.seconds, args.readers, slow))
            finally:
                server.terminate()
                server.wait(60)
            rate, p99 = results[slow][-1]
            print(f"round {number + 1} {'with   ' if slow else 'without'} {rate:10.0f} requests/s  p99 {p99:.2f} ms", flush=True)
    without, with_ = (statistics.median(p99 for _, p99 in results[slow]) for slow in (False, True))
    print(f"median p99: without {without:.2f} ms, with {with_:.2f} ms, ratio {with_ / without:.2f}")


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the server did not start")


if __name__ == "__main__":
    main()
