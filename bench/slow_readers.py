#!/usr/bin/env python3
"""What slow readers cost the others: p99 of normal requests with and without N clients that take a large answer slowly.

    python3 bench/slow_readers.py --readers 200 --seconds 5 -- waitress-serve --listen=127.0.0.1:{port} bench.slow_readers:app

Starts the command (with {port} filled) once, measures GET / with wrk (16 connections), then again while the readers hold a
4 MiB answer each and read 1 KiB a second, and prints both. Only loopback, bounded by --seconds. Needs wrk.
"""
import argparse
import random
import re
import socket
import subprocess
import sys
import threading
import time

SIZE = 4 * 1024 * 1024


def app(environ, start_response):
    body = b"x" * SIZE if environ["PATH_INFO"] == "/large" else b"Hello, World!"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def read_slowly(port, stop, started):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /large HTTP/1.1\r\nHost: bench\r\n\r\n")
        client.recv(1024)
        started.release()
        # Spread over the second: 200 threads that wake together would be a load of their own.
        stop.wait(random.random())
        while not stop.wait(1):
            client.recv(1024)


def measure(port, seconds):
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
    ).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), re.search(r"99%\s+(\S+)", out)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([word.format(port=port) for word in args.command])
    stop, started = threading.Event(), threading.Semaphore(0)
    try:
        wait_for(port)
        measure(port, 1)
        print("without  %10.0f requests/s  p99 %s" % measure(port, args.seconds), flush=True)
        for _ in range(args.readers):
            threading.Thread(target=read_slowly, args=(port, stop, started), daemon=True).start()
        for _ in range(args.readers):
            if not started.acquire(timeout=30):
                sys.exit("a reader got no answer within 30 s: no worker was free")
        print("with     %10.0f requests/s  p99 %s" % measure(port, args.seconds), flush=True)
        with open(f"/proc/{server.pid}/status") as status:
            print(next(line.strip() for line in status if line.startswith("VmRSS")))
    finally:
        stop.set()
        server.terminate()
        server.wait(60)


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
