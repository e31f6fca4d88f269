#!/usr/bin/env python3
"""How many workers and threads: requests per second and p99 of three apps with different numbers of both, for docs/tuning.md.

    python3 bench/tuning.py [--seconds 4] [--rounds 1] [--connections 32] [APP ...]

Apps, of worker_apps.py: computing (about a millisecond of Python), waiting (20 ms of sleep, as for a database), mixed (a millisecond and 10 ms of
sleep); all of them unless named. One server at a time on a free port of 127.0.0.1, loaded with wrk (Debian package wrk). Run
nothing else meanwhile, and compare figures of one run only.
"""
import argparse

from workers import children, serving, workers_ready, wrk

PROCESS = ("-k", "process")
CONFIGURATIONS = {
    "computing": [
        ("--threads=1",), ("--threads=4",), ("--threads=16",),
        (*PROCESS, "-w1"), (*PROCESS, "-w2"), (*PROCESS, "-w3"), (*PROCESS, "-w5"), (*PROCESS, "-w2", "--threads=4"), (*PROCESS, "-w8"),
    ],
    "waiting": [
        ("--threads=4",), ("--threads=16",), ("--threads=32",), ("--threads=64",), ("--threads=4", "--max-threads=64"),
        (*PROCESS, "-w2"), (*PROCESS, "-w5"), (*PROCESS, "-w2", "--threads=16"),
    ],
    "mixed": [
        ("--threads=4",), ("--threads=16",), ("--threads=32",), ("--threads=4", "--max-threads=64"),
        (*PROCESS, "-w2"), (*PROCESS, "-w5"), (*PROCESS, "-w2", "--threads=8"), (*PROCESS, "-w2", "--threads=16"),
        (*PROCESS, "-w2", "--threads=4", "--max-threads=32"),
    ],
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apps", nargs="*", choices=[[], *CONFIGURATIONS], metavar="APP")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--connections", type=int, default=32)
    args = parser.parse_args()
    for app in args.apps or CONFIGURATIONS:
        for _ in range(args.rounds):
            for options in CONFIGURATIONS[app]:
                with serving(app, *options) as (server, port, _):
                    if PROCESS[1] in options:
                        count = next(int(each[2:]) for each in options if each.startswith("-w"))
                        workers_ready(server, count)
                    wrk(port, 1, args.connections)
                    rate, p99, errors = wrk(port, args.seconds, args.connections)
                    memory = sum(resident(pid) for pid in [server.pid, *children(server.pid)])
                    print(f"{app:10} {' '.join(options):42} {rate:8.0f} requests/s  p99 {p99:7.1f} ms  {memory:6.0f} MiB  {errors}", flush=True)


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096 / (1 << 20)


if __name__ == "__main__":
    main()
