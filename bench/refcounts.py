"""Does a request leave Python references behind? Counts them in a server that runs in a debug build of Python.

    python3 bench/refcounts.py --python=python3.11-dbg --requests=20000

Starts the server (bench.soak_app) in that interpreter, sends the requests of each kind of bench/soak.py, and asks the app before and after
what Python holds. A release build counts no references, but its blocks and objects tell most leaks too. Bounded, and loopback only.
"""
from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import soak

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("references", "blocks", "objects")
# What comes and goes with the moment (which threads are awake, free lists) is a few dozen; a leak grows with the requests.
TOLERANCE = 0.01


class Server:
    """The server in the interpreter to be looked at; ended when the block ends."""

    def __init__(self, python: str) -> None:
        path = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
        self.process = subprocess.Popen(
            [python, "-m", "waitress", "--listen=127.0.0.1:0", "bench.soak_app:app"], cwd=ROOT, text=True,
            env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)
        first = self.process.stderr.readline()
        found = re.search(r"Serving on \S+:(\d+)$", first)
        if not found:
            sys.exit(first + self.process.stderr.read())
        self.port = int(found[1])
        # Each error writes a traceback: somebody must read them, or the server waits for the pipe.
        self.reader = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.reader.wait(60)

    def ask(self) -> dict[str, int | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=soak.TIMEOUT)
        connection.request("GET", "/counts")
        counts = json.loads(connection.getresponse().read())
        connection.close()
        return counts

    def counts(self) -> dict[str, int | None]:
        """Three answers alike, so that requests whose clients have left are over; the last one after 10 s."""
        seen: list[dict[str, int | None]] = []
        for _ in range(100):
            seen.append(self.ask())
            if len(seen) >= 3 and seen[-1] == seen[-2] == seen[-3]:
                break
            time.sleep(0.1)
        return seen[-1]


def measure(server: Server, pool, args: argparse.Namespace, kind: str) -> dict[str, int | None]:
    """The growth over the requests of one kind."""
    args.kinds = [kind]
    soak.run_part(pool, args, max(200, args.requests // 10))  # fills caches and free lists
    before = server.counts()
    done, faults = soak.run_part(pool, args, args.requests)
    if faults or done != args.requests:
        sys.exit(f"{kind}: {done} of {args.requests} requests; {'; '.join(faults[:3])}")
    after = server.counts()
    return {name: None if after[name] is None else after[name] - before[name] for name in NAMES}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", default="python3.11-dbg", help="a debug build (Debian: package python3-dbg)")
    parser.add_argument("--requests", type=int, default=20_000, help="of each kind")
    parser.add_argument("--seconds", type=float, default=1800, help="the whole run ends after this at the latest")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--kinds", default=",".join(soak.KINDS), help="of: " + " ".join(soak.KINDS))
    args = parser.parse_args()
    kinds, grown = args.kinds.split(","), []
    args.deadline = time.monotonic() + args.seconds
    with get_context("fork").Pool(args.clients) as pool, Server(args.python) as server:
        args.port = server.port
        print("kind           " + "".join(f"{name:>12} per request" for name in NAMES))
        for kind in kinds:
            growth = measure(server, pool, args, kind)
            print(f"{kind:15}" + "".join(
                " " * 24 if number is None else f"{number:+12} {number / args.requests:+11.4f}" for number in growth.values()), flush=True)
            grown += [f"{kind}: {name}" for name, number in growth.items() if number and number / args.requests > TOLERANCE]
    print("grown: " + ", ".join(grown) if grown else "nothing has grown")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
