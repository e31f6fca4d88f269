#!/usr/bin/env python3
"""What workers cost and bring: first response, memory of each, speed of two, evenness, p99 while one is replaced, threads that grow.

    python3 bench/workers.py [--seconds 5] [--rounds 3] [PART ...]

Parts: interpreters, start, memory, flask, even, replace, threads; all of them unless named. Runs `python -m waitress` of this interpreter with
the apps of worker_apps.py on a free port of 127.0.0.1, loads it with wrk (Debian package wrk), one server at a time, and ends what it started.
Run nothing else meanwhile; figures of one run compare with each other only.
"""
import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

HERE = os.path.dirname(os.path.abspath(__file__))
LOG = subprocess.DEVNULL


@contextmanager
def serving(app, *options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([HERE, os.path.join(HERE, "..", "python")])}
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", *options, f"worker_apps:{app}"], stderr=LOG, env=environment
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read()
                break
            except OSError:
                if server.poll() is not None or time.perf_counter() - started > 30:
                    sys.exit("the server did not start")
                time.sleep(0.002)
        yield server, port, time.perf_counter() - started
    finally:
        server.terminate()
        server.wait(60)


def wrk(port, seconds, connections=16):
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
    ).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    errors = re.search(r"Socket errors.*|Non-2xx.*", out)
    p99 = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), p99, errors[0] if errors else "no errors"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.MULTILINE))
    return int(sizes["Rss"]) / 1024, (int(sizes["Private_Clean"]) + int(sizes["Private_Dirty"])) / 1024


def shared_out(pid):
    """Its memory in MiB, where pages that several processes have count for each in part."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.MULTILINE)[1]) / 1024


def workers_ready(server, count):
    deadline = time.monotonic() + 30
    while len(children(server.pid)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)  # they are there; now they start
    return children(server.pid)


def start(args):
    for _ in range(args.rounds):
        times = []
        for count in (1, 4):
            with serving("hello", "-k", "process", f"-w{count}") as (server, _, seconds):
                workers_ready(server, count)
                times.append(seconds * 1000)
        print(f"first response: one worker {times[0]:.0f} ms, four {times[1]:.0f} ms, ratio {times[1] / times[0]:.2f}")


def show_memory(args):
    with serving("hello", "-k", "process", "-w4") as (server, port, _):
        workers = workers_ready(server, 4)
        print("supervisor: %.1f MiB resident, %.1f private" % memory(server.pid))
        for moment in ("idle", "after load"):
            for pid in workers:
                print("worker, %s: %.1f MiB resident, %.1f private" % (moment, *memory(pid)))
            wrk(port, args.seconds, 64)


def show_flask(args):
    for _ in range(args.rounds):
        rates = []
        for count in (1, 2):
            with serving("flask", "--call", "-k", "process", f"-w{count}", "--threads=2") as (server, port, _):
                workers_ready(server, count)
                wrk(port, 1, 32)
                rates.append(wrk(port, args.seconds, 32)[0])
        print(f"Flask: one worker {rates[0]:.0f} requests/s, two {rates[1]:.0f}, ratio {rates[1] / rates[0]:.2f}")


# Workers, connections, whether each is for one request only, seconds between a connection's requests: without a pause one busy connection may keep a worker as busy as two.
EVEN = (
    (4, 4, False, 0), (4, 64, False, 0), (4, 16, True, 0), (2, 2, False, 0), (2, 3, False, 0), (2, 3, False, 0.003), (4, 5, False, 0), (4, 5, False, 0.003),
)  # fmt: skip


def even(args):
    for workers, connections, close, pause in EVEN:
        with serving("which", "-k", "process", f"-w{workers}") as (server, port, _):
            workers_ready(server, workers)
            counts = dict.fromkeys((str(pid).encode() for pid in children(server.pid)), 0)
            moved = []
            lock = threading.Lock()

            def client(deadline):
                mine = {}
                with socket.socket() as sock:
                    connected = None
                    while time.monotonic() < deadline:
                        if pause:
                            time.sleep(pause)
                        if connected is None:
                            connected = socket.create_connection(("127.0.0.1", port), 10)
                        connected.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\n" + (b"Connection: close\r\n" if close else b"") + b"\r\n")
                        head, pid = connected.recv(4096).split(b"\r\n\r\n")
                        mine[pid] = mine.get(pid, 0) + 1
                        told = b"connection: close" in head.lower()
                        if told and not close:
                            moved.append(pid)
                        if told:
                            connected.close()
                            connected = None
                with lock:
                    for pid, count in mine.items():
                        counts[pid] = counts.get(pid, 0) + count

            threads = [threading.Thread(target=client, args=(time.monotonic() + args.seconds,)) for _ in range(connections)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            each = sorted(counts.values())
            kind = ("short" if close else "kept") + (", paced" if pause else "")
            print(f"evenness: {connections} connections ({kind}) over {workers} workers: {each}, most/least {each[-1] / max(each[0], 1):.2f}, {len(moved)} moved")


def paced(port, seconds, rate=400, connections=8):
    """p99 in ms of requests at a fixed rate: what clients of a server with room to spare feel."""
    times, faults = [], []

    def client():
        left = int(seconds * rate / connections)
        due = time.perf_counter()
        sock = socket.create_connection(("127.0.0.1", port), 10)
        for _ in range(left):
            due += connections / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            sock.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
            answer = sock.recv(4096)
            times.append((time.perf_counter() - began) * 1000)
            if not answer.startswith(b"HTTP/1.1 200"):
                faults.append(answer)
            if b"connection: close" in answer.lower() or not answer:
                sock.close()
                sock = socket.create_connection(("127.0.0.1", port), 10)
        sock.close()

    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times)[int(len(times) * 0.99)], f"{len(faults)} faults in {len(times)}"


def replace(args):
    for load in (paced, lambda port, seconds: wrk(port, seconds)[1:]):
        for _ in range(args.rounds):
            with serving("hello", "-k", "process", "-w2") as (server, port, _):
                workers_ready(server, 2)
                load(port, 1)
                quiet, _ = load(port, args.seconds)
                timer = threading.Timer(1, server.send_signal, (signal.SIGHUP,))
                timer.start()
                busy, errors = load(port, args.seconds)
                timer.join()
            kind = "400 requests/s" if load is paced else "as fast as it goes"
            print(f"p99, {kind}: {quiet:.2f} ms, while both workers are replaced {busy:.2f} ms, ratio {busy / quiet:.2f}; {errors}")


def threads(args):
    for _ in range(args.rounds):
        rates = []
        for options in (("--threads=4",), ("--threads=4", "--max-threads=64")):
            with serving("sleepy", *options) as (server, port, _):
                wrk(port, 2, 64)
                rates.append(wrk(port, args.seconds, 64)[0])
                resident, private = memory(server.pid)
        print(f"10 ms of sleep, 64 connections: 4 threads {rates[0]:.0f} requests/s, up to 64 {rates[1]:.0f}, "
              f"ratio {rates[1] / rates[0]:.1f}, then {resident:.1f} MiB resident, {private:.1f} private")


def interpreters(args):
    """Two in one process against one, and against two processes."""
    if sys.version_info < (3, 12):
        print("interpreters: they need CPython 3.12 or newer")
        return
    for _ in range(args.rounds):
        told = []
        for options in (["-k", "interpreter", "-w1"], ["-k", "interpreter", "-w2"], ["-k", "process", "-w2"]):
            with serving("computing", *options, "--threads=1") as (server, port, _):
                processes = [server.pid] + (workers_ready(server, 2) if "process" in options else [])
                wrk(port, 1, 8)
                told.append((wrk(port, args.seconds, 8)[0], sum(shared_out(pid) for pid in processes)))
        (one, _), (two, mib), (processes, processes_mib) = told
        print(f"computing: one interpreter {one:.0f} requests/s, two {two:.0f} ({two / one:.2f} times) in {mib:.1f} MiB, "
              f"two processes {processes:.0f} in {processes_mib:.1f} MiB (with their supervisor; proportional set size)")


PARTS = {"interpreters": interpreters, "start": start, "memory": show_memory, "flask": show_flask, "even": even, "replace": replace, "threads": threads}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    args = parser.parse_args()
    for name in args.parts or PARTS:
        PARTS[name](args)


if __name__ == "__main__":
    main()
