"""The supervisor with processes that exist only here: what they say is written to their end of the channel, their end is told by hand."""
import json
import logging
import os
import signal
import socket
import types
import unittest
from unittest import mock

import fake_native

from waitress.supervisor import _health, _look, _reap, _worker_process
from waitress.supervisor._board import FIELDS, Board
from waitress.supervisor._launch import Started
from waitress.supervisor._loop import Loop
from waitress.supervisor._output import Output
from waitress.supervisor._supervisor import STACKS_SIGNAL, Supervisor

VALUES = dict(
    worker_class="process", workers=2, threads=1, min_workers=None, max_workers=None, worker_timeout=30.0, max_requests=0,
    max_requests_jitter=0, max_lifetime=0.0, max_memory=0, graceful_timeout=30, reload=False, listen=["127.0.0.1:0"], host=None, port=None,
    unix_socket=None,
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
class SupervisorTest(unittest.TestCase):
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
        binding = types.SimpleNamespace(listen=[("127.0.0.1", "80")], descriptors=[], close=self.closed.append)
        self.upgrade = types.SimpleNamespace(shared=False, pids=[], reaped=lambda pid, status: None)
        launch = types.SimpleNamespace(start=self.launch, wake_all=lambda: None)
        reread = lambda: ({}, self.faults) if self.faults else (self.values, [])  # noqa: E731
        self.supervisor = Supervisor(self.loop, binding, self.board, launch, self.output, self.values, reread, self.upgrade)
        for event in ("ready", "reloading", "reloaded", "stopping"):
            self.supervisor.observe(event, lambda event=event: self.told.append(event))
        self.supervisor.add_place()
        self.look = _look.Look(self.supervisor)
        self.loop.turn(0)

    def launch(self, slot, name, generation, max_requests):
        process = FakeProcess(self, slot, name, generation)
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

    def set_board(self, process, **numbers):
        for name, number in numbers.items():
            self.board._numbers[self.board._at(process.slot) + FIELDS.index(name)] = number

    def alive(self):
        return [worker.name for worker in self.supervisor.workers]

    def commands(self, process):
        return [each["command"] for each in process.commands()]

    def log_has(self, text):
        self.assertTrue(any(text in line for line in self.log), f"{text!r} is not in {self.log}")

    # Start.

    def test_first_worker_starts_alone_and_the_others_when_it_serves(self):
        self.make(workers=3)
        self.assertEqual(len(self.processes), 1)
        self.processes[0].serve()
        self.assertEqual(len(self.processes), 3)
        self.assertEqual(self.told, ["ready"])
        self.assertIn("Serving on http://127.0.0.1:80", self.log)
        self.log_has("3 workers with 1 thread each, 3 requests served at once")
        self.assertEqual(len({process.slot for process in self.processes}), 3)

    def test_app_that_fails_to_import_at_first_ends_the_whole_with_3(self):
        self.make()
        self.processes[0].say(event="failed", text="Traceback\nNameError: x")
        self.processes[0].die(3 << 8)
        self.assertEqual((self.supervisor.exit_code, self.supervisor.failure), (3, "Traceback\nNameError: x"))
        self.assertFalse(self.loop._running)
        self.assertEqual(len(self.processes), 1)

    def test_first_worker_that_is_killed_is_tried_three_times(self):
        self.make()
        for _ in range(3):
            self.processes[-1].die(signal.SIGKILL)
            self.pass_time(4)
        self.assertEqual(len(self.processes), 3)
        self.assertEqual(self.supervisor.exit_code, 3)
        self.assertIn("was killed by SIGKILL", self.supervisor.failure)

    # Deaths.

    def test_dead_worker_is_replaced_at_once_with_its_last_words(self):
        first, second = self.serving()
        os.write(first.stderr, b"Fatal Python error: Segmentation fault\n")
        first.die(signal.SIGSEGV)
        self.assertEqual(self.alive(), ["3", "2"])
        self.log_has("was killed by SIGSEGV")
        self.log_has("it is replaced at once; its last words: Fatal Python error: Segmentation fault")

    def test_worker_that_dies_again_and_again_is_retried_with_pauses(self):
        self.serving(workers=1)
        for _ in range(3):
            self.processes[-1].die(1 << 8)
            self.processes[-1].serve()
        self.assertEqual(len(self.processes), 4)
        self.processes[-1].die(1 << 8)
        self.assertEqual(len(self.processes), 4)
        self.pass_time(1)
        self.assertEqual(len(self.processes), 5)

    def test_later_import_failure_is_retried_while_the_others_serve(self):
        first, second = self.serving()
        first.die(signal.SIGKILL)
        third = self.processes[2]
        third.say(event="failed", text="SyntaxError: here")
        third.die(3 << 8)
        self.assertEqual(self.alive(), ["2"])
        self.assertEqual(self.supervisor.exit_code, 0)
        self.log_has("SyntaxError: here")
        self.pass_time(1)
        self.assertEqual(self.alive(), ["4", "2"])

    def test_worker_told_to_go_from_outside_is_replaced_and_retired(self):
        first, second = self.serving()
        first.commands()
        first.say(event="stopping")
        self.pass_time(1)
        self.assertEqual(self.commands(first), ["retire"])
        self.assertEqual(len(self.processes), 3)
        first.die()
        self.assertEqual(self.alive(), ["3", "2"])

    def test_system_without_processes_is_tried_again(self):
        first, second = self.serving()
        self.supervisor._launch.start = mock.Mock(side_effect=OSError("no more processes"))
        first.die(signal.SIGKILL)
        self.log_has("no more processes")
        self.supervisor._launch.start = self.launch
        self.pass_time(2)
        self.assertEqual(self.alive(), ["4", "2"])

    # Hangs.

    def test_hung_worker_shows_its_stacks_is_killed_and_replaced_at_once(self):
        first, second = self.serving()
        self.set_board(first, heartbeat=int(self.now * 1e9), all_inside=int(self.now * 1e9))
        self.pass_time(20)
        self.set_board(first, heartbeat=int(self.now * 1e9))
        self.assertEqual(first.signals, [])
        self.pass_time(12)
        self.assertEqual(first.signals[0], STACKS_SIGNAL)
        self.assertEqual(len(self.processes), 3)
        self.pass_time(2)
        self.assertEqual(first.signals, [STACKS_SIGNAL, signal.SIGKILL])
        self.log_has("every thread has been inside one request for 31 s")

    def test_look_that_comes_late_judges_nobody(self):
        first, second = self.serving()
        self.set_board(first, heartbeat=int(self.now * 1e9))
        self.now += 3600  # the machine slept
        self.loop.turn(0)
        self.set_board(first, heartbeat=int(self.now * 1e9))
        self.pass_time(10)
        self.assertEqual(first.signals, [])

    def test_worker_that_never_gets_ready_is_replaced(self):
        self.serving(workers=1)
        self.processes[0].die(signal.SIGKILL)
        self.pass_time(30 * _health.START_PATIENCE + 3)
        self.assertIn(signal.SIGKILL, self.processes[1].signals)
        self.assertEqual(len(self.processes), 3)

    # Recycling and reload.

    def test_recycled_worker_retires_when_its_successor_has_proven_ready(self):
        first, second = self.serving()
        first.commands()
        first.say(event="recycle", reason="max_requests")
        self.assertEqual(len(self.processes), 3)
        self.processes[2].say(event="ready")
        self.assertEqual(self.commands(first), [])
        (ping,) = self.processes[2].commands()
        self.processes[2].say(event="reply", id=ping["id"], result="pong")
        self.assertEqual(self.commands(first), ["retire"])
        self.assertEqual(self.alive(), ["3", "2", "1"])

    def test_only_one_worker_is_recycled_at_a_time(self):
        for process in self.serving():
            process.say(event="recycle", reason="max_requests")
        self.assertEqual(len(self.processes), 3)
        self.processes[2].serve()
        self.assertEqual(len(self.processes), 3)  # the first still finishes its requests
        self.processes[0].die()
        self.assertEqual(len(self.processes), 4)

    def test_retired_worker_that_does_not_leave_is_killed(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        self.processes[2].serve()
        self.pass_time(36)
        self.assertEqual(first.signals, [])
        self.pass_time(3)
        self.assertEqual(first.signals, [signal.SIGKILL])

    def test_recycling_whose_successor_fails_keeps_the_old_one_and_tries_again(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        self.processes[2].say(event="failed", text="ImportError")
        self.processes[2].die(3 << 8)
        self.assertEqual(self.alive(), ["1", "2"])
        self.pass_time(2)
        self.assertEqual(self.alive(), ["1", "4", "2"])

    def test_reload_replaces_one_by_one_with_a_new_generation(self):
        first, second = self.serving()
        replies = []
        self.supervisor.reload(replies.append)
        self.assertEqual([process.generation for process in self.processes], [1, 1, 2])
        self.processes[2].serve()
        first.die()
        self.processes[3].serve()
        self.assertEqual(replies, [{"ok": True, "text": "All workers run generation 2"}])
        second.die()
        self.assertEqual(self.alive(), ["3", "4"])
        self.assertEqual(self.told, ["ready", "reloading", "reloaded"])

    def test_reload_into_broken_code_keeps_the_old_workers_and_says_why(self):
        first, second = self.serving()
        replies = []
        self.supervisor.reload(replies.append)
        self.processes[2].say(event="failed", text="SyntaxError: invalid syntax")
        self.processes[2].die(3 << 8)
        self.pass_time(60)
        self.assertEqual(self.alive(), ["1", "2"])
        self.assertFalse(replies[0]["ok"])
        self.log_has("SyntaxError: invalid syntax")
        self.log_has("2 of 2 workers run on as they were")

    def test_reload_with_bad_settings_changes_nothing(self):
        self.serving()
        self.faults = ["threads: 0 is less than 1"]
        replies = []
        self.supervisor.reload(replies.append)
        self.assertEqual((len(self.processes), replies), (2, [{"ok": False, "error": "threads: 0 is less than 1"}]))
        self.log_has("threads: 0 is less than 1")

    def test_reload_takes_the_new_number_of_workers(self):
        self.serving()
        self.values = {**self.values, "workers": 3}
        self.supervisor.reload()
        self.assertEqual(len(self.supervisor.places), 3)

    def test_worker_that_dies_while_its_successor_starts_is_followed_by_it(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        first.die(signal.SIGKILL)
        self.assertEqual(self.alive(), ["3", "2"])
        self.processes[2].serve()
        self.assertEqual(len(self.processes), 3)

    # More, less, and the end.

    def test_add_and_remove(self):
        self.serving()
        self.assertIsNone(self.supervisor.add())
        self.processes[2].serve()
        self.assertEqual(self.alive(), ["1", "2", "3"])
        for process in self.processes:
            process.commands()
        self.supervisor.remove()
        self.assertEqual(self.commands(self.processes[2]), ["retire"])
        self.supervisor.remove()
        self.assertEqual(self.supervisor.remove(), "the last worker stays")

    def test_add_ends_at_the_room_of_the_board(self):
        self.serving(workers=1)
        refusals = [self.supervisor.add() for _ in range(20)]
        self.assertIn("the most", refusals[-1])
        self.assertEqual(len(self.supervisor.places) * 2, self.board.slots)

    def test_busy_workers_grow_and_calm_ones_shrink(self):
        self.serving(workers=1, max_workers=2, min_workers=1)
        first = self.processes[0]
        self.set_board(first, threads=1, queue=3, oldest=int((self.now - 1) * 1e9), heartbeat=int(self.now * 1e9))
        self.pass_time(3)
        self.assertEqual(len(self.processes), 2)
        self.processes[1].serve()
        for process in self.processes:
            self.set_board(process, threads=1, queue=0, oldest=0, heartbeat=int((self.now + 100) * 1e9))
        self.processes[1].commands()
        self.pass_time(40)
        self.assertEqual(self.commands(self.processes[1]), ["retire"])

    def test_stop_closes_the_sockets_first_then_tells_every_worker(self):
        first, second = self.serving()
        self.supervisor.stop()
        self.assertEqual(self.closed, [True])
        self.assertEqual([self.commands(each)[-1] for each in (first, second)], ["stop", "stop"])
        first.die()
        self.assertEqual(self.alive(), ["2"])
        self.supervisor.loop._running = True
        second.die()
        self.assertFalse(self.loop._running)
        self.assertEqual((self.supervisor.exit_code, self.told), (0, ["ready", "stopping"]))

    def test_stop_ends_a_worker_that_still_imports_by_signal(self):
        first, second = self.serving()
        first.die(signal.SIGKILL)
        self.supervisor.stop()
        self.assertEqual(self.processes[2].signals, [signal.SIGTERM])

    def test_stop_beside_another_supervisor_leaves_it_the_sockets(self):
        first, second = self.serving()
        self.upgrade.shared = True
        self.supervisor.stop()
        self.assertEqual(self.closed, [False])
        self.assertEqual(self.commands(first)[-1], "retire")

    def test_stop_asked_twice_ends_at_once(self):
        self.serving()
        self.supervisor.loop._running = True
        self.supervisor.stop()
        self.supervisor.stop()
        self.assertTrue(self.supervisor.ending.at_once)
        self.assertFalse(self.loop._running)

    def test_quit_is_for_workers_that_retire_too(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        self.processes[2].serve()
        self.supervisor.quit()
        self.assertEqual([self.commands(each)[-1] for each in self.processes], ["quit"] * 3)
        self.pass_time(6)
        self.assertEqual([each.signals for each in self.processes], [[signal.SIGKILL]] * 3)

    def test_rest_and_back_beside_another_supervisor(self):
        first, second = self.serving()
        self.supervisor.rest()
        self.assertEqual(len(self.supervisor.places), 2)  # a terminal's WINCH
        self.upgrade.shared = True
        self.supervisor.rest()
        self.assertEqual(self.commands(first)[-1], "retire")
        first.die()
        second.die()
        self.assertTrue(self.supervisor.state == "serving" and not self.supervisor.workers)
        self.supervisor.reload()
        self.assertEqual(len(self.supervisor.places), 2)

    # Commands.

    def ask(self, name, **arguments):
        replies = []
        self.supervisor.command(name, arguments, replies.append)
        return replies

    def test_status_has_plain_figures(self):
        first, second = self.serving()
        self.set_board(first, requests=7, in_flight=2, queue=1, threads=4)
        (status,) = self.ask("status")
        json.dumps(status)
        self.assertEqual((status["state"], status["wanted"], status["listen"]), ("serving", 2, [["127.0.0.1", "80"]]))
        figures = status["workers"][0]
        self.assertEqual([figures[name] for name in ("name", "requests", "in_flight", "queue", "threads", "state")], ["1", 7, 2, 1, 4, "ready"])

    def test_stacks_are_collected_and_a_silent_worker_gets_the_signal(self):
        first, second = self.serving()
        replies = self.ask("stacks")
        (question,) = [each for each in first.commands() if each["command"] == "stacks"]
        first.say(event="reply", id=question["id"], result=[{"thread": "MainThread", "ident": 1, "stack": "…"}])
        self.assertEqual(replies, [])
        self.pass_time(_worker_process.ASK_SECONDS + 1)
        self.assertEqual(replies[0]["workers"][0]["result"][0]["thread"], "MainThread")
        self.assertIn("no answer", replies[0]["workers"][1]["result"]["error"])
        self.assertEqual((first.signals, second.signals), ([], [STACKS_SIGNAL]))

    def test_unknown_commands_and_bad_arguments_are_refused(self):
        self.serving()
        self.assertIn("no command", self.ask("explode")[0]["error"])
        self.assertIn("error", self.ask("add", count="many")[0])

    def test_questions_to_a_worker_that_dies_are_answered(self):
        first, second = self.serving()
        replies = self.ask("gc")
        first.die(signal.SIGKILL)
        second.die(signal.SIGKILL)
        self.assertEqual([each["result"] for each in replies[0]["workers"]], [{"error": "the worker has ended"}] * 2)


if __name__ == "__main__":
    unittest.main()
