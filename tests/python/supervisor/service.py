"""A supervisor with processes that exist only here: what they say is written to their end of the channel, their end is told by hand."""
import json
import logging
import os
import socket
import types
import unittest
from unittest import mock

import fake_native

from waitress.supervisor import _look, _reap
from waitress.supervisor._board import FIELDS, Board
from waitress.supervisor._launch import Started
from waitress.supervisor._loop import Loop
from waitress.supervisor._output import Output
from waitress.supervisor._supervisor import Supervisor

VALUES = dict(
    worker_class="process", workers=2, threads=1, min_workers=None, max_workers=None, worker_timeout=30.0, max_requests=0,
    max_requests_jitter=0, max_lifetime=0.0, max_memory=0, graceful_timeout=30, reload=False, listen=["127.0.0.1:0"], host=None, port=None,
    unix_socket=None, admin_listen=None,
)  # fmt: skip


class FakeProcess:
    def __init__(self, test, slot, name, generation):
        self.test, self.slot, self.name, self.generation = test, slot, name, generation
        self.pid = 10_000_000 + int(name)  # beyond any real process
        self.signals = []
        self.control, self.theirs = socket.socketpair()
        self.control.setblocking(False)
        self.errors, self.stderr = os.pipe()
        self.received = b""
        self.frozen = False  # its main thread doesn't run

    def say(self, **message):
        self.theirs.send(json.dumps(message).encode() + b"\n")
        self.test.loop.turn(0)

    def commands(self):
        self.theirs.setblocking(False)
        try:
            self.received += self.theirs.recv(65536)
        except BlockingIOError:
            pass
        *lines, self.received = self.received.split(b"\n")
        return [json.loads(line) for line in lines]

    def live(self):
        """Answer what asks for a sign of life, as a main thread that turns does; anything else waits for commands()."""
        asked = self.commands()
        for message in asked:
            if message["command"] == "ping":
                self.theirs.send(json.dumps({"event": "reply", "id": message["id"], "result": "pong"}).encode() + b"\n")
            else:
                self.received = json.dumps(message).encode() + b"\n" + self.received

    def serve(self):
        """Ready, and the first health check answered."""
        self.say(event="ready")
        (ping,) = [each for each in self.commands() if each["command"] == "ping"]
        self.say(event="reply", id=ping["id"], result="pong")

    def die(self, status=0):
        self.test.ended.append((self.pid, status))
        self.test.supervisor.reap()
        self.theirs.close()
        os.close(self.stderr)


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class Service(unittest.TestCase):
    def setUp(self):
        fake_native.install()
        self.now = 1000.0
        self.loop = Loop(lambda: self.now)
        self.addCleanup(self.loop.close)
        self.processes, self.ended, self.closed = [], [], []
        self.faults = []
        self.told = []
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        for name, replacement in (
            ("os.kill", self.kill),
            ("time.monotonic_ns", lambda: int(self.now * 1e9)),
        ):
            patch = mock.patch(name, replacement)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.object(_reap, "ended", self.take_ended)
        patch.start()
        self.addCleanup(patch.stop)
        self.output = Output(self.loop, writing)
        logger = logging.getLogger("waitress.supervisor")
        self.log = []
        handler = logging.Handler()
        handler.emit = lambda record: self.log.append(record.getMessage())
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.addCleanup(setattr, logger, "propagate", logger.propagate)
        self.addCleanup(logger.setLevel, logger.level)
        logger.propagate = False
        logger.setLevel(logging.DEBUG)

    def kill(self, pid, number):
        (process,) = [process for process in self.processes if process.pid == pid]
        process.signals.append(number)

    def take_ended(self, children):
        taken, self.ended = self.ended, []
        return taken

    def make(self, **values):
        self.values = {**VALUES, **values}
        self.board = Board(2 * self.values["workers"] + 16)
        self.addCleanup(self.board.close)
        binding = types.SimpleNamespace(listen=[("127.0.0.1", "80")], urls=["http://127.0.0.1:80"], descriptors=[], close=self.closed.append)
        self.upgrade = types.SimpleNamespace(shared=False, pids=[], reaped=lambda pid, status: True)
        launch = types.SimpleNamespace(start=self.launch, wake_all=lambda: None)
        reread = lambda: ({}, self.faults) if self.faults else (self.values, [])  # noqa: E731
        self.supervisor = Supervisor(self.loop, binding, self.board, launch, self.output, self.values, reread, self.upgrade)
        for event in ("ready", "reloading", "reloaded", "stopping"):
            self.supervisor.observe(event, lambda event=event: self.told.append(event))
        self.supervisor.add_place()
        self.look = _look.Look(self.supervisor)
        self.loop.turn(0)

    def launch(self, slot, name, generation, max_requests, again=False):
        process = FakeProcess(self, slot, name, generation)
        process.again = again
        self.processes.append(process)
        self.addCleanup(process.theirs.close)
        self.addCleanup(process.control.close)
        return Started(types.SimpleNamespace(pid=process.pid, returncode=None), process.control, process.errors)

    def serving(self, **values):
        self.make(**values)
        self.processes[0].serve()
        for process in self.processes[1:]:
            process.serve()
        return self.processes

    def pass_time(self, seconds):
        for _ in range(round(seconds)):
            self.now += 1
            self.loop.turn(0)
            for worker in self.supervisor.workers:
                (process,) = [process for process in self.processes if process.pid == worker.pid]
                if worker.state == "ready" and not process.frozen:
                    process.live()

    def set_board(self, process, **numbers):
        for name, number in numbers.items():
            self.board._numbers[self.board._at(process.slot) + FIELDS.index(name)] = number

    def alive(self):
        return [worker.name for worker in self.supervisor.workers]

    def commands(self, process):
        return [each["command"] for each in process.commands()]

    def log_has(self, text):
        self.assertTrue(any(text in line for line in self.log), f"{text!r} is not in {self.log}")
