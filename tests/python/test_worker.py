"""The worker's side of the control channel: a server with a stand-in engine, and the supervisor's end of the channel in the test's hand."""
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import fake_native

from waitress import _alone, _channel, _memory, _reopen, _worker
from waitress._notify import Notify
from waitress.server import Server

HERE = os.path.dirname(os.path.abspath(__file__))


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class ControlTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()
        self.ours, theirs = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.ours.settimeout(10)
        self.lines = _channel.Lines()
        self.messages = []
        self.control = _worker.Control({"control": theirs.detach(), "sockets": [], "slot": 0})
        self.addCleanup(self.control._channel.close)
        self.server = Server(app, self.native.configure({}, {}, {}, None, {}), self.control)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.addCleanup(self.thread.join, 10)
        self.addCleanup(self.server.close)
        self.engine = self.native.engines[0]

    def next(self):
        while not self.messages:
            self.messages += self.lines.feed(self.ours.recv(65536))
        return self.messages.pop(0)

    def tell(self, **message):
        self.ours.sendall(_channel.encode(message))

    def ended(self):
        self.thread.join(10)
        self.assertFalse(self.thread.is_alive())
        return self.engine.calls

    def test_ready_comes_when_the_engine_accepts_and_the_engine_has_the_handoff(self):
        self.assertEqual(self.next(), {"event": "ready"})
        self.assertEqual(self.engine.calls, ["start"])
        self.assertEqual(self.engine.handoff["slot"], 0)

    def test_questions_are_answered_by_number(self):
        self.next()
        for number, command in enumerate(("ping", "stacks", "gc", "files", "nonsense")):
            self.tell(command=command, id=number)
        answers = [self.next() for _ in range(5)]
        self.assertEqual([(answer["event"], answer["id"]) for answer in answers], [("reply", number) for number in range(5)])
        pong, stacks, collected, files, unknown = [answer["result"] for answer in answers]
        self.assertEqual((pong, unknown), ("pong", {"error": "unknown command"}))
        self.assertIn("MainThread", {each["thread"] for each in stacks})
        self.assertTrue(any("test_worker" in each["stack"] or "unittest" in each["stack"] for each in stacks))
        self.assertGreaterEqual(collected["collected"], 0)
        self.assertIn(os.path.abspath(__file__), files)

    def test_memory_is_told_by_another_thread_one_report_at_a_time(self):
        self.next()
        begun, may_end = threading.Event(), threading.Event()
        make = _memory.Reports.make

        def slow(reports, *limit):
            begun.set()
            may_end.wait(30)
            return {**make(reports, *limit), "asked": list(limit)}

        with mock.patch.object(_memory.Reports, "make", slow):
            self.tell(command="memory", id=1, limit=1000)
            self.assertTrue(begun.wait(30))
            self.tell(command="memory", id=2)
            self.tell(command="ping", id=3)
            self.assertEqual([self.next() for _ in range(2)], [
                {"event": "reply", "id": 2, "result": {"error": "a report is being made already"}},
                {"event": "reply", "id": 3, "result": "pong"},
            ])  # fmt: skip
            may_end.set()
            first = self.next()
        self.assertEqual((first["id"], first["result"]["asked"], first["result"]["since"]), (1, [1000], None))
        self.assertEqual(first["result"]["engine"]["collections"], [3, 2, 1])
        self.control._reporter.join(30)
        self.tell(command="memory", id=4)
        again = self.next()["result"]
        self.assertGreaterEqual(again["since"], 0)
        self.control._reporter.join(30)
        with mock.patch.object(_memory.Reports, "make", lambda reports: 1 / 0):
            self.tell(command="memory", id=5)
            self.assertEqual(self.next()["result"], {"error": "ZeroDivisionError: division by zero"})

    def test_commands_end_the_engine_as_they_say(self):
        for command, calls in (("stop", ["stop True"]), ("quit", ["stop False"]), ("retire", ["retire", "stop True"])):
            with self.subTest(command):
                if self.engine.calls[-1:] == ["close"]:
                    self.setUp()
                self.next()
                self.tell(command=command)
                self.assertEqual(self.ended(), ["start", *calls, "close"])

    def test_end_of_the_channel_is_the_end_of_the_supervisor(self):
        self.next()
        self.ours.close()
        self.assertEqual(self.ended(), ["start", "stop True", "close"])

    def test_nonsense_on_the_channel_is_its_end(self):
        self.next()
        self.ours.sendall(b"nonsense\n")
        self.assertEqual(self.ended(), ["start", "stop True", "close"])

    def test_sigterm_is_asked_about_and_the_supervisor_decides(self):
        self.next()
        self.server._stop_by_signal("SIGTERM")
        self.assertEqual(self.next(), {"event": "stopping"})
        self.assertEqual(self.engine.calls, ["start"])
        self.tell(command="retire")
        self.assertEqual(self.ended(), ["start", "retire", "stop True", "close"])

    def test_sigterm_while_the_engine_starts_is_not_lost(self):
        for make in (lambda: _worker.Control({"control": os.dup(self.ours.fileno()), "sockets": []}), lambda: _alone.Surroundings(None, Notify({}))):
            old, _worker.WORD_SECONDS = _worker.WORD_SECONDS, 0.05
            self.addCleanup(setattr, _worker, "WORD_SECONDS", old)

            def prepare(engine):
                start = engine.start
                engine.start = lambda: (start(), server._stop_by_signal("SIGTERM"))

            self.native.prepare = prepare
            control = make()
            server = Server(app, self.native.configure({}, {}, {}, None, {}), control)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            thread.join(10)
            self.assertFalse(thread.is_alive(), control)
            if isinstance(control, _worker.Control):
                control._channel.close()

    def test_sigterm_without_an_answer_stops_all_the_same(self):
        self.next()
        old, _worker.WORD_SECONDS = _worker.WORD_SECONDS, 0.05
        self.addCleanup(setattr, _worker, "WORD_SECONDS", old)
        self.server._stop_by_signal("SIGTERM")
        self.assertEqual(self.ended(), ["start", "stop True", "close"])


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class TakeTest(unittest.TestCase):
    def run_child(self, code):
        one, other = socket.socketpair()
        with one, other:
            handoff = {"sockets": [], "board": other.fileno(), "wakers": [], "waker": other.fileno(), "control": other.fileno(), "program": "/bin/w", "path": "/srv"}
            path = os.pathsep.join([os.path.dirname(os.path.dirname(os.path.abspath(_worker.__file__))), HERE])
            done = subprocess.run(
                [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path, _worker.VARIABLE: json.dumps(handoff)},
                pass_fds=[other.fileno()], capture_output=True, text=True, timeout=60,
            )  # fmt: skip
        return done.stdout.splitlines(), done.stderr

    def test_handoff_is_taken_out_of_the_environment_and_away_from_children(self):
        out, err = self.run_child(
            "import os, sys; from waitress import _worker; control = _worker.take();"
            "print('WAITRESS_WORKER' in os.environ, os.get_inheritable(control.handoff['control']), sys.argv[0], sys.path[0])"
        )
        self.assertEqual(out, ["False False /bin/w /srv"], err)

    def test_signals_of_the_group_end_nothing_and_stacks_come_on_demand(self):
        out, err = self.run_child(
            "import os, signal; from waitress import _worker; _worker.take()\n"
            "for name in _worker.GROUP_SIGNALS: os.kill(os.getpid(), getattr(signal, name))\n"
            "os.kill(os.getpid(), _worker.STACKS_SIGNAL)\n"
            "print('alive')"
        )
        self.assertEqual(out, ["alive"], err)
        self.assertIn('File "<string>", line 3', err)

    def test_without_a_supervisor_there_is_nothing_to_take(self):
        before = signal.getsignal(signal.SIGHUP)
        self.assertIsNone(_worker.take())
        self.assertEqual(signal.getsignal(signal.SIGHUP), before)


class ReopenTest(unittest.TestCase):
    def test_files_that_were_moved_are_written_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            handler = logging.FileHandler(path)
            logger = logging.getLogger("test_worker")
            logger.addHandler(handler)
            try:
                logger.warning("one")
                if os.name != "nt":  # an open file can't be renamed there
                    os.rename(path, path + ".1")
                self.assertGreaterEqual(_reopen.reopen(), 1)
                logger.warning("two")
            finally:
                logger.removeHandler(handler)
                handler.close()
            with open(path) as file:
                self.assertEqual(file.read().splitlines()[-1], "two")

    @unittest.skipIf(os.name == "nt", "an open file can't be renamed there")
    def test_file_that_can_not_be_opened_anew_keeps_the_old_one_and_others_are_done(self):
        with tempfile.TemporaryDirectory() as folder:
            gone, there = os.path.join(folder, "gone"), os.path.join(folder, "there")
            os.mkdir(gone)
            handlers = [logging.FileHandler(os.path.join(gone, "log")), logging.FileHandler(there)]
            loggers = [logging.getLogger(f"test_worker.{number}") for number in range(2)]
            try:
                for logger, handler in zip(loggers, handlers):
                    logger.addHandler(handler)
                os.rename(gone, gone + ".1")
                os.rename(there, there + ".1")
                with self.assertLogs("waitress", logging.ERROR) as told:
                    _reopen.reopen()
                for logger in loggers:
                    logger.warning("still")
            finally:
                for logger, handler in zip(loggers, handlers):
                    logger.removeHandler(handler)
                    handler.close()
            self.assertEqual(len(told.output), 1)
            self.assertIn(os.path.join(gone, "log"), told.output[0])
            for path in (os.path.join(gone + ".1", "log"), there):
                with open(path) as file:
                    self.assertEqual(file.read(), "still\n")


if __name__ == "__main__":
    unittest.main()
