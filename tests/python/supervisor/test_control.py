import contextlib
import json
import os
import socket
import stat
import sys
import threading
import unittest
from unittest import mock

from control_case import STATUS, WORKER, ControlCase

from waitress import _control_path
from waitress.supervisor import _control
from waitress.supervisor._control import Control
from waitress.supervisor._loop import Loop


class ControlTest(ControlCase):
    def test_command_with_arguments_is_answered(self):
        self.answers["remove"] = {"wanted": 3}
        self.start()
        client = self.connect()
        self.assertEqual(self.ask(client, {"command": "remove", "count": 2}), {"wanted": 3})
        self.assertEqual(self.ask(client, {"command": "status"}), STATUS)
        self.assertEqual(self.asked, [("remove", {"count": 2}), ("status", {})])

    def test_failure_is_an_error_for_the_asker(self):
        self.start()
        answer = self.ask(self.connect(), {"command": "add"})
        self.assertEqual(answer, {"error": "There are 8 workers already, and max_workers is 8"})

    def test_bad_lines_are_answered_and_the_connection_goes_on(self):
        self.start()
        client = self.connect()
        for bad in (b"\n", b"{\n", b"[]\n", b'{"command": "format"}\n', b'{"command": ["stop"]}\n', b"\xff\n", b"[" * 5000 + b"\n", b'{"command": 3}\n'):
            with self.subTest(bad=bad[:30]):
                self.assertTrue(self.ask(client, bad)["error"])
        self.assertNotIn("error", self.ask(client, {"command": "status"}))

    def test_line_without_an_end_is_refused(self):
        self.start()
        client = self.connect()
        answer = self.ask(client, b"x" * (_control.MAX_LINE + 1))
        self.assertIn("longer than", answer["error"])
        self.assertEqual(client.recv(1), b"")

    def test_many_commands_at_once_are_answered_in_order(self):
        self.answers = {"gc": {"n": 1}, "status": {"n": 2}}
        self.start()
        client = self.connect()
        count = 300
        client.sendall(b'{"command": "gc"}\n{"command": "status"}\n' * count)
        data = b""
        while data.count(b"\n") < 2 * count:
            data += client.recv(1 << 16)
        self.assertEqual([json.loads(line)["n"] for line in data.splitlines()], [1, 2] * count)

    def test_command_that_raises_is_an_error_and_the_loop_goes_on(self):
        with mock.patch.object(self, "command", side_effect=RuntimeError("boom")), self.assertLogs("waitress.supervisor", "ERROR"):
            self.start()
            client = self.connect()
            for _ in range(2):
                self.assertEqual(self.ask(client, {"command": "gc"})["error"], "RuntimeError: boom")

    def test_late_reply_to_a_client_that_left_is_nobodys(self):
        control = self.start()
        client = self.connect()
        client.sendall(b'{"command": "stacks"}\n')
        self.assertTrue(self.opened.wait(10))
        client.close()
        other = self.connect()
        control.loop.call_later(0, lambda: (self.open[0]({"late": 1}), self.open[0]({"again": 1})))
        self.assertEqual(self.ask(other, {"command": "status"}), STATUS)

    def test_command_without_an_answer_ends(self):
        with mock.patch.object(_control, "COMMAND_SECONDS", 0.05):
            self.start()
            self.assertIn("in time", self.ask(self.connect(), {"command": "stacks"})["error"])

    def test_idle_client_is_dropped(self):
        with mock.patch.object(_control, "IDLE_SECONDS", 0.05):
            self.start()
            self.assertEqual(self.connect().recv(1), b"")

    def test_client_that_takes_no_answer_is_dropped_and_others_are_served(self):
        self.answers["stacks"] = {"text": "x" * 8_000_000}
        with mock.patch.object(_control, "STALL_SECONDS", 0.1):
            control = self.start()
            stalled = self.connect()
            stalled.sendall(b'{"command": "stacks"}\n')
            self.assertEqual(self.ask(self.connect(), {"command": "workers"})["workers"], [WORKER])
            dropped = threading.Event()

            def look():
                if len(control.clients) <= 2:
                    dropped.set()
                else:
                    control.loop.call_later(0.01, look)

            control.loop.call_later(0, look)
            self.assertNotIn("error", self.ask(self.connect(), {"command": "workers"}))  # wakes the loop
            self.assertTrue(dropped.wait(10))

    def test_large_answer_arrives_whole(self):
        self.answers["stacks"] = {"text": "x" * 8_000_000}
        self.start()
        self.assertEqual(len(self.ask(self.connect(), {"command": "stacks"})["text"]), 8_000_000)

    def test_answer_beyond_the_bound_is_an_error(self):
        self.answers["stacks"] = {"text": "x" * 1000}
        with mock.patch.object(_control, "MAX_ANSWER", 1000):
            self.start()
            self.assertIn("longer than", self.ask(self.connect(), {"command": "stacks"})["error"])

    def test_clients_are_bounded(self):
        self.start()
        clients = [self.connect() for _ in range(_control.MAX_CLIENTS)]
        for client in clients:
            self.ask(client, {"command": "workers"})
        self.assertIn("Too many", self.line(self.connect())["error"])
        self.assertNotIn("error", self.ask(clients[0], {"command": "workers"}))

    @unittest.skipUnless(hasattr(socket, "SO_PEERCRED"), "only Linux tells the peer's user")
    def test_other_users_are_refused(self):
        self.start()
        with mock.patch.object(_control_path, "peer", return_value=(1, os.geteuid() + 1, 1)), \
                self.assertLogs("waitress.supervisor", "WARNING"):
            self.assertIn("Only the owner", self.line(self.connect())["error"])

    def test_file_is_the_owners_and_goes_at_the_end(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.start()
        found = os.stat(self.path)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual(found.st_mode & 0o777, 0o600)
        self.assertEqual(os.umask(0), 0)
        self.assertEqual(os.listdir(self.folder), ["control.sock"])
        self.end()
        self.assertEqual(os.listdir(self.folder), [])

    def test_file_of_a_successor_stays(self):
        self.start()
        os.unlink(self.path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as successor:
            successor.bind(self.path)
            self.end()
            self.assertTrue(os.path.exists(self.path))

    def test_file_that_was_removed_is_made_again(self):
        with mock.patch.object(_control, "HEAL_SECONDS", 0.02):
            self.start()
            os.unlink(self.path)
            healed = threading.Event()
            deadline = threading.Timer(10, healed.set)
            deadline.start()
            while not os.path.exists(self.path) and not healed.wait(0.01):
                pass
            deadline.cancel()
            self.assertNotIn("error", self.ask(self.connect(), {"command": "status"}))

    def test_stale_socket_is_replaced(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(self.path)
        self.start()
        self.assertNotIn("error", self.ask(self.connect(), {"command": "status"}))

    def test_living_socket_of_another_program_is_refused(self):
        self.start()
        with self.assertRaisesRegex(OSError, f"control.sock belongs to the running process {os.getpid()}" if sys.platform == "linux" else "belongs"):
            Control(self.loop(), self.command, self.path)

    @unittest.skipUnless(hasattr(socket, "SO_PEERCRED"), "only Linux tells the peer's process")
    def test_living_socket_of_the_parent_is_taken_over(self):
        self.start()
        with mock.patch("os.getppid", return_value=os.getpid()):
            control = Control(self.loop(), self.command, self.path)
        self.end()  # the old one leaves the new one's file alone
        self.assertTrue(os.path.exists(self.path))
        control.close()
        self.assertFalse(os.path.exists(self.path))

    def test_places_that_can_not_be_are_one_error(self):
        file = os.path.join(self.folder, "file")
        with open(file, "w", encoding="ascii"):
            pass
        opened = os.path.join(self.folder, "opened")
        os.mkdir(opened)
        os.chmod(opened, 0o777)
        for path, text in (
            (os.path.join(self.folder, "no", "x.sock"), "No such file"),
            (file, "not a socket"),
            (os.path.join(self.folder, "x" * 120), "too long a path"),
            (os.path.join(opened, "x.sock"), "other users"),
        ):
            with self.subTest(path=path), contextlib.closing(Loop()) as loop, self.assertRaisesRegex(OSError, text):
                Control(loop, self.command, path)
