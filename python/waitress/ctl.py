"""The program ``waitress-ctl``: asks a running supervisor, or tells it what to do, by its control socket.

0: done. 1: no server, or it said no. 2: the command line is wrong, or it does not say which of several servers.
The engine is never loaded here: the program must be quick, and must work while the machine is busy.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time

from waitress import _control_path, _units
from waitress._control_client import Connection, ControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WATCH_SECONDS = 1.0
# Of top: the figures are over seconds, so more often would show no more; less often than that is a file's matter.
TOP_SECONDS, LEAST_SECONDS, MOST_SECONDS = 2.0, 0.2, 3600.0
# Home, and clear to the end: a redraw without a flicker.
REDRAW = "\x1b[H\x1b[J"

COMMANDS = {
    "status": "the service and its workers, as a table",
    "top": "rates, times, workers, slow and failing routes and requests in flight with their stacks, live, until q or Ctrl-C",
    "workers": "the workers alone",
    "add": "one worker process more",
    "remove": "one worker process less",
    "reload": "read the settings file again and replace the workers one by one, each new one proven ready first",
    "reopen": "open log files anew after they were moved; ends when every worker has",
    "stacks": "the Python stacks of every worker, now, without stopping it",
    "gc": "collect Python's garbage in every worker",
    "memory": "what the memory of every worker is made of, and what has grown since it was asked last",
    "stop": "stop gracefully",
}
COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], str], str], ...] = (
    ("WORKER", lambda worker: str(worker["name"]), "<"),
    ("PID", lambda worker: str(worker["pid"]), ">"),
    ("STATE", lambda worker: str(worker["state"]), "<"),
    ("REQUESTS", lambda worker: str(worker["requests"]), ">"),
    ("IN FLIGHT", lambda worker: str(worker["in_flight"]), ">"),
    ("QUEUE", lambda worker: str(worker["queue"]), ">"),
    ("MEMORY", lambda worker: "?" if worker.get("rss") is None else _units.size(worker["rss"]), ">"),
    ("AGE", lambda worker: _units.duration(worker["age"]), ">"),
)


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.limit is not None and (options.command != "memory" or options.limit < 0):
        parser.error("--limit is for memory, a number of objects from 0 on")
    if options.watch and options.command not in ("status", "workers"):
        parser.error("--watch is for status and workers")
    if options.command != "top" and (options.admin or options.once or options.interval is not None):
        parser.error("--admin, --once and --interval are for top")
    if options.admin and options.socket:
        parser.error("--admin and --socket are two ways to the same: say one")
    try:
        if options.command == "top":
            _top(options)
            return 0
        with Connection(options.socket or os.environ.get("WAITRESS_CONTROL_SOCKET") or _find()) as connection:
            if options.watch:
                _watch(connection, options)
            else:
                arguments = {} if options.limit is None else {"limit": options.limit}
                _show(options, connection.ask(options.command, **arguments))
    except ControlError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        # Ctrl-C is how --watch and top end; anything else was broken off.
        return 0 if options.watch or (options.command == "top" and not options.once) else 130
    except BrokenPipeError:
        # `waitress-ctl stacks | head`: and Python's own flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="waitress-ctl",
        description="Asks a running waitress-serve that has a supervisor or a stated control_socket, or tells it what to do.",
        epilog="Commands:\n" + "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.add_argument("--socket", metavar="PATH", help="the server's control socket; without it, the one server of this user")
    parser.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    parser.add_argument("--watch", action="store_true", help="show it anew each second, until Ctrl-C (status and workers)")
    parser.add_argument("--admin", metavar="ADDRESS", help="of top: ask there (--admin-listen) instead: for a server without a supervisor, or from another machine")
    parser.add_argument("--interval", metavar="SECONDS", type=_seconds, help=f"of top: how often; {TOP_SECONDS:g} by default")
    parser.add_argument("--once", action="store_true", help="of top: show it once, as plain lines")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="look at no more than about N objects of each worker, evenly chosen (memory); 0 for all; 2,000,000 unless stated"
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not from {LEAST_SECONDS:g} to {MOST_SECONDS:g}")
    return seconds


def _find() -> str:
    """The control socket of the one server of this user."""
    if os.name == "nt":
        raise ControlError("Error: There is no supervisor on Windows. A server is asked by the pipe that its control_socket names: --socket NAME")
    found = list(_control_path.living())
    if len(found) == 1:
        return found[0]
    if not found:
        raise ControlError(
            f"Error: No server of this user was found; looked in {', '.join(_control_path.folders())}. "
            "A server has a control socket when it has a supervisor (docs/workers.md) or control_socket, which needs --socket PATH. "
            "Of one without a supervisor, top shows what its admin address tells: --admin ADDRESS"
        )
    lines = [f"Error: {len(found)} servers run; say which by --socket PATH:"]
    for path in found:
        try:
            with Connection(path) as connection:
                lines.append(f"  {path}  {_addresses(connection.ask('status'))}")
        except (ControlError, KeyError, TypeError, ValueError):
            lines.append(f"  {path}")
    raise ControlError("\n".join(lines), 2)


def _top(options: argparse.Namespace) -> None:
    # Here and not above: no other command needs it.
    from waitress import _top, _top_source

    source: _top_source.FromAdmin | _top_source.FromSupervisor
    if options.admin is not None:
        source = _top_source.FromAdmin(options.admin)
    else:
        source = _top_source.FromSupervisor(options.socket or os.environ.get("WAITRESS_CONTROL_SOCKET") or _find())
    _top.run(source, options.interval or TOP_SECONDS, options.once, options.json)


def _watch(connection: Connection, options: argparse.Namespace) -> None:
    live = sys.stdout.isatty() and not options.json
    while True:
        result = connection.ask(options.command)
        if live:
            sys.stdout.write(REDRAW)
        _show(options, result)
        if not live and not options.json:
            print()
        sys.stdout.flush()
        time.sleep(WATCH_SECONDS)


def _show(options: argparse.Namespace, result: dict[str, Any]) -> None:
    if options.json:
        print(json.dumps(result))
        return
    try:
        SHOW[options.command](result)
    except (KeyError, TypeError, ValueError, AttributeError):
        # A server of another version: what it says is still worth seeing.
        print(json.dumps(result, indent=2))


def _show_status(result: dict[str, Any]) -> None:
    what = "supervisor" if result.get("supervised", True) else "process"
    print(f"{_addresses(result)}: {what} {result['pid']}, {result['state']}, generation {result['generation']}, up {_units.duration(result['uptime'])}")
    print()
    _show_workers(result)


def _show_workers(result: dict[str, Any]) -> None:
    rows = [[title for title, _, _ in COLUMNS], *([text(worker) for _, text, _ in COLUMNS] for worker in result["workers"])]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(f"{cell:{COLUMNS[index][2]}{widths[index]}}" for index, cell in enumerate(row)).rstrip())


def _show_stacks(result: dict[str, Any]) -> None:
    for worker in result["workers"]:
        print(f"Worker {worker['name']}, process {worker['pid']}")
        if isinstance(worker["result"], dict):
            print(f"  {worker['result']['error']}; its stacks come in the server's log")
        else:
            for thread in worker["result"]:
                print(f"  Task {thread['task']}" if "task" in thread else f"  Thread {thread['thread']}")
                print("\n".join(f"    {line}" for line in str(thread["stack"]).rstrip().splitlines()))
        print()


def _show_collected(result: dict[str, Any]) -> None:
    for worker in result["workers"]:
        told = worker["result"]
        print(f"Worker {worker['name']}: {told.get('error') or '{} objects collected'.format(told['collected'])}")


def _show_memory(result: dict[str, Any]) -> None:
    from waitress import _memory_text

    for worker in result["workers"]:
        told = worker["result"]
        print(f"Worker {worker['name']}, process {worker['pid']}")
        print("\n".join(f"  {line}".rstrip() for line in ([told["error"]] if "error" in told else _memory_text.whole(told))))
        print()
    supervisor = result.get("supervisor")
    if supervisor is not None:
        print(f"Supervisor, process {supervisor['pid']}: {_memory_text.size(supervisor['resident'])} resident")


def _show_outcome(result: dict[str, Any]) -> None:
    wanted = result.get("wanted")
    print(result.get("text") or ("Done" if wanted is None else f"{wanted} worker{'' if wanted == 1 else 's'}"))


SHOW: dict[str, Callable[[dict[str, Any]], None]] = {name: _show_outcome for name in COMMANDS}
SHOW.update(status=_show_status, workers=_show_workers, stacks=_show_stacks, gc=_show_collected, memory=_show_memory)


def _addresses(result: dict[str, Any]) -> str:
    return " ".join(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}" for host, port in result["listen"])


if __name__ == "__main__":
    sys.exit(main())
