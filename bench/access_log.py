"""What the access log costs: hello with it and without it, in rounds that alternate (A B, B A, ...), so that both share the machine's noise.

Starts `python -m waitress` for each round, loads it with wrk (Debian package wrk) and prints requests per second, the CPU time of the server's
process per request, and the share that the log takes of both. Loopback only.

    python3 bench/access_log.py --rounds 4 --seconds 4 --formats combined,json
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


def run(
    options: list[str], port: int, seconds: int, connections: int, folder: str = os.path.join(ROOT, "python")
) -> tuple[float, float]:  # fmt: skip
    """Requests per second and CPU microseconds per request of one server."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, ROOT])}
    command = [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=4", *options, "examples.hello:app"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environ) as server:
        try:
            url = f"http://127.0.0.1:{port}/"
            for _ in range(200):
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.05)
            load = ["wrk", "-t1", f"-c{connections}"]
            subprocess.run([*load, "-d1s", url], stdout=subprocess.DEVNULL, check=True)
            before = cpu_seconds(server.pid)
            told = subprocess.run([*load, f"-d{seconds}s", url], stdout=subprocess.PIPE, text=True, check=True).stdout
            spent = cpu_seconds(server.pid) - before
        finally:
            server.terminate()
    requests = int(re.search(r"(\d+) requests in", told)[1])
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), spent / requests * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--formats", default="combined,json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"off": []}
        for name in given.formats.split(","):
            kinds[name] = [f"--access-logfile={folder}/{name}.log", f"--access-logformat={name}"]
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for number in range(given.rounds):
            for name in list(kinds)[:: 1 if number % 2 == 0 else -1]:
                figures[name].append(run(kinds[name], given.port, given.seconds, given.connections))
                for log in os.listdir(folder):
                    os.unlink(os.path.join(folder, log))
    rate, cost = (statistics.median(figure[index] for figure in figures["off"]) for index in (0, 1))
    for name, rounds in figures.items():
        rates, costs = zip(*rounds)
        loss = 100 * (1 - statistics.median(rates) / rate)
        print(
            f"{name:10} {statistics.median(rates):10,.0f} requests/s ({min(rates):,.0f} to {max(rates):,.0f}), {loss:5.1f} % fewer; "
            f"{statistics.median(costs):5.2f} CPU us per request, {100 * (statistics.median(costs) / cost - 1):5.1f} % more"
        )


if __name__ == "__main__":
    main()
