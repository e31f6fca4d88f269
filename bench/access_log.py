"""What the access log costs: hello with it and without it, in rounds that alternate (A B, B A, ...), so that both share the machine's noise.

Starts a server of each kind, loads one after the other with wrk (Debian package wrk), and prints requests per second, the CPU time of the server's
process per request, and for both the median of the rounds' ratios to the server without a log. Loopback only.

    python3 bench/access_log.py --rounds 20 --seconds 1 --formats combined,json
"""
from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """One server that runs all the time; idle it costs nothing."""

    def __init__(self, options: list[str], port: int, package: str = os.path.join(ROOT, "python")) -> None:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([package, ROOT])}
        command = [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=4", *options, "examples.hello:app"]
        self.url = f"http://127.0.0.1:{port}/"
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environ)
        for _ in range(200):
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def load(self, seconds: int, connections: int) -> tuple[float, float]:
        """Requests per second, and CPU microseconds per request."""
        before = cpu_seconds(self.process.pid)
        told = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", self.url], stdout=subprocess.PIPE, text=True, check=True).stdout
        spent = cpu_seconds(self.process.pid) - before
        return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), spent / int(re.search(r"(\d+) requests in", told)[1]) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--formats", default="combined,json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"off": []}
        for name in given.formats.split(","):
            kinds[name] = [f"--access-logfile={folder}/{name}.log", f"--access-logformat={name}"]
        servers = {name: Server(options, given.port + number) for number, (name, options) in enumerate(kinds.items())}
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        try:
            for server in servers.values():
                server.load(1, given.connections)
            for number in range(given.rounds):
                for name in list(kinds)[:: 1 if number % 2 == 0 else -1]:
                    figures[name].append(servers[name].load(given.seconds, given.connections))
        finally:
            for server in servers.values():
                server.stop()
    for name, rounds in figures.items():
        # Of each round its own ratio: what else the machine did meanwhile is the same for all in it.
        rate = statistics.median(here[0] / base[0] for here, base in zip(rounds, figures["off"]))
        cost = statistics.median(here[1] / base[1] for here, base in zip(rounds, figures["off"]))
        medians = [statistics.median(figure[index] for figure in rounds) for index in (0, 1)]
        print(f"{name:10} {medians[0]:9,.0f} requests/s, {rate:5.3f} times; {medians[1]:5.2f} CPU us per request, {cost:5.3f} times")


if __name__ == "__main__":
    main()
