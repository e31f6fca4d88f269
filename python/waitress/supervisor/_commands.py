"""What can be asked of a running supervisor, by waitress-ctl for one: figures, and the same actions as the signals'."""
from __future__ import annotations

import os
import sys

from waitress.supervisor import _recycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from waitress.supervisor._supervisor import Supervisor
    from waitress.supervisor._worker_process import WorkerProcess

    Reply = Callable[[dict[str, Any]], object]


# A process with tens of millions of objects takes so long, with rests in between, and tracemalloc longer.
MEMORY_SECONDS = 120.0


class Commands:
    """One method per command; each calls ``reply`` exactly once."""

    NAMES = ("status", "workers", "add", "remove", "reload", "reopen", "stacks", "gc", "memory", "figures", "stack", "stop")

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def run(self, name: str, arguments: Mapping[str, Any], reply: Reply) -> None:
        if name not in self.NAMES:
            reply({"error": f"There is no command {name!r}; there are: {', '.join(self.NAMES)}"})
            return
        try:
            getattr(self, "_" + name)(arguments, reply)
        except (KeyError, TypeError, ValueError) as error:
            reply({"error": f"{name}: {error}"})

    def headline(self) -> str:
        """The line of the start: who we are and how much is served at once."""
        from waitress import _native

        values = self._supervisor.values
        kind, workers, threads = values["worker_class"], int(values["workers"]), int(values["threads"])
        processes = self._supervisor.scale.wanted() if kind == "process" else 1
        workers = processes if kind == "process" else workers
        version = ".".join(map(str, sys.version_info[:3]))
        return (
            f"Supervisor {os.getpid()}, CPython {version}, worker class {kind}: {_count(workers, 'worker')} with {_count(threads, 'thread')} each, "
            f"{_count(workers * threads, 'request')} served at once; engine {_native.build}"
        )

    def status(self) -> dict[str, Any]:
        supervisor = self._supervisor
        return {
            "pid": os.getpid(),
            "state": "reloading" if supervisor.replacing.reloading else supervisor.state,
            "generation": supervisor.generation,
            "uptime": supervisor.loop.now() - supervisor.started,
            "listen": [[str(host), str(port)] for host, port in supervisor.binding.listen],
            "worker_class": supervisor.values["worker_class"],
            "wanted": len(supervisor.places),
            "workers": [self._worker(worker) for worker in supervisor.workers],
        }

    def _worker(self, worker: WorkerProcess) -> dict[str, Any]:
        slot = self._supervisor.board.read(worker.slot)
        return {
            "name": worker.name, "pid": worker.pid, "state": worker.state, "generation": worker.generation, "age": worker.age,
            "requests": slot.requests, "in_flight": slot.in_flight, "queue": slot.queue, "connections": slot.connections,
            "threads": slot.threads, "inside": slot.inside, "busy": worker.busy, "stuck": slot.stuck,
            "timeouts": slot.timeouts, "refusals": slot.refusals, "rss": _recycle.resident(worker.pid),
        }  # fmt: skip

    def _status(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        reply(self.status())

    def _workers(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        reply({"workers": self.status()["workers"]})

    def _add(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        self._change(self._supervisor.add, int(arguments.get("count", 1)), reply)

    def _remove(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        self._change(self._supervisor.remove, int(arguments.get("count", 1)), reply)

    def _change(self, change: Callable[[], str | None], count: int, reply: Reply) -> None:
        for _ in range(count):
            refusal = change()
            if refusal is not None:
                reply({"error": refusal, "wanted": len(self._supervisor.places)})
                return
        reply({"ok": True, "wanted": len(self._supervisor.places)})

    def _reload(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        """Replies when every worker is new, or when the new ones did not start."""
        self._supervisor.reload(reply, bool(arguments.get("at_once", False)))

    def _reopen(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        """Replies when every worker has its new files: what logrotate moved away is not written to any more."""
        self._supervisor.reopen(lambda results: reply({"workers": results}))

    def _stacks(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        def finish(results: list[dict[str, Any]]) -> None:
            from waitress import _worker

            for result, worker in zip(results, workers):
                if isinstance(result["result"], dict) and worker.serving:
                    # Its main thread does not answer; the signal needs none. What it writes comes in the log.
                    worker.kill(_worker.STACKS_SIGNAL)
            reply({"workers": results})

        workers = self._supervisor.workers
        self.ask(workers, "stacks", finish)

    def _gc(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        self.ask(self._supervisor.workers, "gc", lambda results: reply({"workers": results}))

    def _figures(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        """What /status.json says (docs/status.md)."""
        self._supervisor.figures.status(reply)

    def _stack(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        self._supervisor.figures.stack(int(arguments["worker"]), int(arguments["request"]), reply)

    def _memory(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        """One worker after the other: a report costs a second of processor time per million objects."""
        limit = {"limit": max(0, int(arguments["limit"]))} if "limit" in arguments else {}
        waiting = self._supervisor.workers
        results: list[dict[str, Any]] = []

        def next_worker() -> None:
            if not waiting:
                reply({"supervisor": {"pid": os.getpid(), "resident": _recycle.resident(os.getpid())}, "workers": results})
                return
            worker = waiting.pop(0)

            def take(answer: Any) -> None:
                results.append({"name": worker.name, "pid": worker.pid, "result": answer})
                # From the loop: workers that can't be reached answer at once.
                self._supervisor.loop.call_later(0, next_worker)

            worker.ask("memory", take, MEMORY_SECONDS, **limit)

        next_worker()

    def _stop(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        reply({"ok": True})
        supervisor = self._supervisor
        supervisor.loop.call_later(0, supervisor.quit if arguments.get("quick") else supervisor.stop)

    @staticmethod
    def ask(workers: list[WorkerProcess], command: str, finish: Callable[[list[dict[str, Any]]], object]) -> None:
        """``finish`` gets every worker's answer, {"error": text} where none came."""
        results: list[dict[str, Any]] = [{"name": worker.name, "pid": worker.pid, "result": None} for worker in workers]
        missing = len(workers)
        if not missing:
            finish(results)
            return

        def take(result: dict[str, Any], answer: Any) -> None:
            nonlocal missing
            result["result"] = answer
            missing -= 1
            if not missing:
                finish(results)

        for worker, result in zip(workers, results):
            worker.ask(command, lambda answer, result=result: take(result, answer))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
