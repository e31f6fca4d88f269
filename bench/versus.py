"""hello of several builds or with several options, in rounds that alternate (A B C, B C A, ...), so that all share the machine's noise.

Each argument is NAME=FOLDER, the folder with the package `waitress`, and options after it. wrk (Debian package wrk) makes the load, on loopback.

    python3 bench/versus.py --rounds 8 "before=../before/python" "now=python" "admin=python --admin-listen=0"
"""
from __future__ import annotations

import argparse
import os
import shlex
import statistics

import access_log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("variants", nargs="+")
    given = parser.parse_args()
    variants = {}
    for text in given.variants:
        name, _, rest = text.partition("=")
        folder, *options = shlex.split(rest)
        variants[name] = (os.path.abspath(folder), options)
    names = list(variants)
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(given.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            folder, options = variants[name]
            server = access_log.Server(options, given.port, folder)
            try:
                server.load(1, given.connections)
                figures[name].append(server.load(given.seconds, given.connections))
            finally:
                server.stop()
    for name, rounds in figures.items():
        rates, costs = zip(*rounds)
        print(
            f"{name:10} {statistics.median(rates):10,.0f} requests/s ({min(rates):,.0f} to {max(rates):,.0f}); "
            f"{statistics.median(costs):5.2f} CPU us per request, at least {min(costs):5.2f}"
        )


if __name__ == "__main__":
    main()
