"""A stand-in for waitress._native: the same contract without sockets, so that the Python side is tested alone.

install() puts it in place of the native module before `waitress` is imported anywhere.
"""
from __future__ import annotations

import json
import os
import socket
import sys
import threading
import types


class FakeEngine:
    """Ends when it was stopped and no worker is inside `busy`; records what was called."""

    def __init__(self, app, wake_fd, environ, handoff, interface="wsgi"):
        self.app, self.wake_fd, self.environ, self.handoff, self.interface = app, wake_fd, environ, handoff, interface
        self.listen = [("127.0.0.1", "8080"), ("::1", "8080")]
        self.activated = False
        self.urls = ["http://127.0.0.1:8080", "http://[::1]:8080"]
        self.descriptors: list[int] = []
        self.threads = 3
        self.interpreters = 0
        self.calls: list[str] = []
        self.worker_threads: list[threading.Thread] = []
        self.started, self.stopped = threading.Event(), threading.Event()
        self.stuck: threading.Event | None = None  # set: workers return only when it is
        self.hold = False  # True: graceful stops take until the ungraceful one
        self._ended = False
        self._mailbox: list[tuple[str, int, str]] = []
        self.orders: list[tuple] = []
        self.interrupts: list[tuple] = []
        self.serving: dict[int, int] = {}  # thread idents by request
        self.answers: list[tuple] = []
        self.over = True  # what interrupt() answers

    def start(self):
        self.calls.append("start")
        self.started.set()

    def work(self):
        self.worker_threads.append(threading.current_thread())
        self.stopped.wait()
        if self.stuck is not None:
            self.stuck.wait()

    def stop(self, graceful):
        self.calls.append(f"stop {graceful}")
        if not (graceful and self.hold):
            self._ended = True
            self.stopped.set()
            self.wake()

    def retire(self):
        self.calls.append("retire")
        self.stop(True)

    def reopen(self):
        self.calls.append("reopen")

    def tell(self, name, level, message):
        self._mailbox.append((name, level, message))
        self.wake()

    def wake(self):
        if "close" not in self.calls:
            os.write(self.wake_fd, b"\0")

    def events(self):
        taken, self._mailbox = self._mailbox, []
        return taken

    def order(self, *order):
        self.orders.append(order)
        self.wake()

    def requests(self):
        taken, self.orders = self.orders, []
        return taken

    def interrupt(self, number, exception_type):
        self.interrupts.append((number, exception_type))
        return self.over

    def memory(self):
        return {"heap": 3 << 20, "committed": 8 << 20, "fragmented": 0, "collections": [3, 2, 1], "pauses": 0.01}

    def called(self, name):
        self.name = name

    def collector(self, figures):
        self.collected = figures

    def activity(self):
        return "{}"

    def thread_of(self, request):
        return self.serving.get(request, 0)

    def answer(self, number, text):
        self.answers.append((number, text))

    def ended(self):
        return self._ended

    def close(self):
        self.calls.append("close")


class FakeFigures:
    """Writes down what it is told; a byte on its descriptor has it looked at."""

    def __init__(self, descriptor, slots, wake_fd, inherited, app, urls):
        self.made = (descriptor, slots, inherited, app, urls)
        self.wake_fd = wake_fd
        self.descriptors, self.listen = [], []
        self.told: list[tuple] = []
        self.asked: list[tuple] = []
        self.answers: list[tuple] = []

    def __getattr__(self, name):
        if name not in ("start", "rest", "begin", "state", "end", "restarted", "service", "close"):
            raise AttributeError(name)
        return lambda *values: self.told.append((name, *values))

    def ask(self, *question):
        self.asked.append(question)
        os.write(self.wake_fd, b"\0")

    def questions(self):
        taken, self.asked = self.asked, []
        return taken

    def answer(self, number, text):
        self.answers.append((number, text))

    def status(self, reports):
        return json.dumps({"reports": json.loads(reports)})

    def events(self):
        return []


class FakeBinding:
    """Really listening, on one socket of loopback, so that its descriptors can be inherited."""

    def __init__(self, environ, inherited):
        self.environ, self.inherited = environ, inherited
        self.sockets = [socket.socket(fileno=number) for number in inherited] or [socket.create_server(("127.0.0.1", 0))]
        self.descriptors = [one.fileno() for one in self.sockets]
        self.listen = [(host, str(port)) for host, port in (one.getsockname() for one in self.sockets)]
        self.urls = [f"http://{host}:{port}" for host, port in self.listen]
        self.activated = False
        self.closed: list[bool] = []  # the unlink of each close

    def close(self, unlink):
        self.closed.append(unlink)
        for one in self.sockets:
            one.close()


class FakeNative(types.ModuleType):
    def __init__(self):
        super().__init__("waitress._native")
        self.build = "0.0.0, fake"
        self.reset()

    def reset(self):
        self.engines: list[FakeEngine] = []
        self.bindings: list[FakeBinding] = []
        self.values: dict = {"supervised": False}
        self.prepare = lambda engine: None
        self.line: dict = {}
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.values: dict = {}
        self.open_error: OSError | None = None
        self.configure_calls: list[tuple] = []

    def command_line(self, args):
        empty = dict(app=None, call=False, help=False, version=False, config=None, check_config=False, values={}, errors=[])
        return {**empty, "app": args[0] if args else None, **self.line}

    def help_text(self, program, width):
        return f"Usage: {program} [OPTIONS] [MODULE:OBJECT]\n"

    def configure(self, command_line, environ, file, file_name, keywords):
        self.configure_calls.append((command_line, environ, file, file_name, keywords))
        bind, opening, figures = (None, None, None) if self.errors else (self.bind, self.open, FakeFigures)
        return dict(
            errors=list(self.errors), warnings=list(self.warnings), report="port = 8080 (default)", values=dict(self.values), bind=bind, open=opening,
            figures=figures,
        )

    def bind(self, environ, inherited):
        if self.open_error is not None:
            raise self.open_error
        binding = FakeBinding(environ, inherited)
        self.bindings.append(binding)
        return binding

    def open(self, app, wake_fd, environ, handoff, interface="wsgi"):
        if self.open_error is not None:
            raise self.open_error
        engine = FakeEngine(app, wake_fd, environ, handoff, interface)
        self.prepare(engine)
        self.engines.append(engine)
        return engine


def install() -> FakeNative:
    module = sys.modules.get("waitress._native")
    if not isinstance(module, FakeNative):
        import waitress

        module = FakeNative()
        sys.modules["waitress._native"] = module
        waitress._native = module  # `from waitress import _native` looks at the package first
    module.reset()
    return module
