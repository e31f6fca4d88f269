"""ASGI servers side by side: requests per second, CPU time per request of the server and its children, and p99, in rounds that alternate.

    python3 bench/asgi.py --rounds 6 --app bench.asgi_app:hello \\
        "uvicorn=uvicorn --loop uvloop --http httptools --no-access-log --log-level warning --port {port} {app}" \\
        "here=waitress-serve --loop=uvloop --listen=127.0.0.1:{port} {app}"

Also prints how long each took from its start to its first answer. wrk (Debian package wrk) makes the load. Loopback only.
"""
from __future__ import annotations

import argparse
import os
import re
import shlex
import statistics
import subprocess
import time
import urllib.request

from access_log import ROOT, cpu_seconds


class Server:
    """One server that runs all the time; idle it costs nothing."""

    def __init__(self, command: str, app: str, port: int, path: str) -> None:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])}
        begun = time.perf_counter()
        self.process = subprocess.Popen(shlex.split(command.format(app=app, port=port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
        self.url = f"http://127.0.0.1:{port}{path}"
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                break
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - begun > 20:
                    raise SystemExit(f"did not serve: {command}") from None
                time.sleep(0.002)
        self.first = time.perf_counter() - begun

    def cpu(self) -> float:
        pids, seconds = [self.process.pid], 0.0
        for pid in pids:  # which grows
            seconds += cpu_seconds(pid)
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                pids += map(int, file.read().split())
        return seconds

    def load(self, seconds: int, connections: int) -> tuple[float, float, float]:
        """Requests per second, CPU microseconds per request, p99 in milliseconds."""
        before = self.cpu()
        told = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", self.url], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        if "Non-2xx" in told:  # Connections that end are another matter: Hypercorn ends some amid keep-alive, and wrk comes again.
            raise SystemExit(told)
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", told).groups()
        p99 = float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
        spent = (self.cpu() - before) / int(re.search(r"(\d+) requests in", told)[1]) * 1e6
        return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), spent, p99


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("--app", default="bench.asgi_app:hello")
    parser.add_argument("--path", default="/")
    parser.add_argument("servers", nargs="+", metavar="NAME=COMMAND")
    given = parser.parse_args()
    servers: dict[str, Server] = {}
    figures: dict[str, list[tuple[float, float, float]]] = {}
    try:
        for number, text in enumerate(given.servers):
            name, _, command = text.partition("=")
            servers[name], figures[name] = Server(command, given.app, given.port + number, given.path), []
            servers[name].load(1, given.connections)
        names = list(servers)
        for number in range(given.rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                figures[name].append(servers[name].load(given.seconds, given.connections))
    finally:
        for server in servers.values():
            server.process.terminate()
            server.process.wait()
    # Of each round its own ratio to the first: what else the machine did meanwhile is the same for all in it.
    base = figures[names[0]]
    for name, rounds in figures.items():
        rate, cost, p99 = (statistics.median(column) for column in zip(*rounds))
        against = [statistics.median(a[i] / b[i] for a, b in zip(rounds, base)) for i in range(3)]
        print(
            f"{name:10} {rate:8,.0f} requests/s ({against[0]:.2f}), {cost:5.2f} us of CPU per request ({against[1]:.2f}), "
            f"p99 {p99:5.2f} ms ({against[2]:.2f}), first answer after {servers[name].first * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
