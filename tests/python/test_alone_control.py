"""The control socket of a server without a supervisor: waitress-ctl, with a stand-in for the engine."""
import json
import logging
import os
import queue
import socket
import sys
import threading
import types
import unittest
from unittest import mock

import fake_native
from control_case import ControlCase, CtlCase

from waitress import _alone_control, _control_client, _control_path, ctl
from waitress.server import Server

FIGURES = {"requests": 7, "in_flight": 2, "queue": 1, "threads": 4, "inside": 2, "stuck": 0, "timeouts": 0, "refusals": 0}


class AloneCase(ControlCase, CtlCase):
    def setUp(self):
        super().setUp()
        self.native = fake_native.install()
        self.commands = _alone_control.Commands("thread")
        self.stops = []

    def serve(self):
        server = Server(lambda environ, start_response: [], self.native.configure({}, {}, {}, None, {}))
        self.addCleanup(server.close)
        server._engine.figures = lambda: FIGURES
        server._engine.stop = lambda graceful: self.stops.append(graceful)
        self.commands.serves(server, lambda: self.stops.append("gracefully"))
        return server

    def listen(self):
        opened = _alone_control.opened(self.path, self.commands)
        opened.__enter__()
        self.addCleanup(lambda: opened.__exit__(None, None, None))

    def json(self, *command):
        code, out, err = self.ctl(*command, "--json", "--socket", self.path)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)


class CommandsTest(AloneCase):
    def test_nothing_is_opened_unless_a_path_is_stated(self):
        with _alone_control.opened(None, self.commands):
            self.assertEqual(os.listdir(self.folder), [])

    def test_commands_before_the_server_is_there_are_refused(self):
        self.listen()
        self.assertEqual(self.ctl("status", "--socket", self.path)[::2], (1, "Error: The server is starting\n"))

    def test_status_is_the_table_of_one_worker(self):
        self.serve()
        self.listen()
        code, out, _ = self.ctl("status", "--socket", self.path)
        lines = out.splitlines()
        self.assertEqual(code, 0)
        self.assertRegex(lines[0], rf"^http://.+: process {os.getpid()}, serving, generation 1, up \d")
        self.assertRegex(lines[3], rf"^main +{os.getpid()}  ready +7 +2 +1 ")
        self.assertEqual(self.json("workers")["workers"][0]["threads"], 4)

    def test_stacks_gc_memory_and_reopen_are_answered_by_this_process(self):
        self.serve()
        self.listen()
        stacks = self.ctl("stacks", "--socket", self.path)[1]
        self.assertIn("Thread waitress-control\n", stacks)
        self.assertIn("Thread MainThread\n", stacks)
        self.assertIn("Worker main: ", self.ctl("gc", "--socket", self.path)[1])
        self.assertIn("types", self.json("memory", "--limit", "1000")["workers"][0]["result"])
        self.assertEqual(self.ctl("memory", "--socket", self.path)[0], 0)
        self.assertEqual(self.json("reopen")["workers"][0]["result"], {"files": 0})

    def test_what_needs_a_supervisor_says_so(self):
        self.serve()
        self.listen()
        for command in ("add", "remove", "reload", "top"):
            more = ["--once"] if command == "top" else []
            code, _, err = self.ctl(command, *more, "--socket", self.path)
            self.assertEqual(code, 1)
            self.assertIn("needs a supervisor", err)

    def test_stop_is_graceful_or_quick(self):
        self.serve()
        self.listen()
        with self.assertLogs("waitress", logging.INFO):
            self.assertEqual(self.json("stop"), {"ok": True})
            self.assertEqual(self.json("status")["state"], "stopping")
            with _control_client.Connection(self.path) as connection:
                connection.ask("stop", quick=True)
                connection.ask("status")  # the answer comes before the deed
        self.assertEqual(self.stops, ["gracefully", False])

    def test_place_that_can_not_be_is_an_error(self):
        with self.assertRaisesRegex(OSError, "can't be in a folder"), mock.patch("os.geteuid", return_value=12345):
            os.chmod(self.folder, 0o777)
            with _alone_control.opened(self.path, self.commands):
                pass

    def test_file_goes_at_the_end(self):
        with _alone_control.opened(self.path, self.commands):
            self.assertTrue(os.path.exists(self.path))
        self.assertEqual(os.listdir(self.folder), [])
        self.assertNotIn("waitress-control", [thread.name for thread in threading.enumerate()])


class Pipe:
    """Of the engine: what is asked is put in, what is answered comes out."""

    def __init__(self, name):
        self.name, self.asked, self.answers = name, queue.Queue(), queue.Queue()

    def take(self):
        return self.asked.get()

    def answer(self, line):
        self.answers.put(json.loads(line))

    def close(self):
        self.asked.put(None)


class WindowsTest(AloneCase):
    """What stands between the engine's pipe, Windows' files and the commands."""

    def test_lines_of_the_pipe_are_obeyed_one_by_one(self):
        self.serve()
        self.native.control_pipe = Pipe
        with mock.patch.object(_alone_control.os, "name", "nt"):
            opened = _alone_control.opened(r"\\.\pipe\my-server", self.commands)
            opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "waitress-control"]
        pipe = thread._target.__self__._pipe
        self.assertEqual(pipe.name, "my-server")
        for line, part in (('{"command": "status"}', "worker_class"), ("nonsense", "error"), ('{"command": "nothing"}', "error"), ('{"command": "gc"}', "workers")):
            pipe.asked.put(line)
            self.assertIn(part, pipe.answers.get(timeout=10))

    def test_names_are_stated_with_or_without_the_prefix(self):
        self.assertEqual([_control_path.pipe_name(text) for text in ("a", r"\\.\pipe\a", r"\\.\PIPE\a")], ["a", "a", "a"])

    def test_client_speaks_to_a_pipe_as_to_a_file(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        asked = []

        def answer():
            asked.append(ours.makefile("rb").readline())
            ours.sendall(b'{"ok": true}\n')

        def open_pipe(path, mode, buffering):
            asked.append((path, mode, buffering))
            return socket.SocketIO(theirs, "rwb")

        thread = threading.Thread(target=answer)
        waits = []
        winapi = types.SimpleNamespace(WaitNamedPipe=lambda path, time: waits.append((path, time)))
        with mock.patch.dict(sys.modules, {"_winapi": winapi}), mock.patch.object(_control_client.os, "name", "nt"), \
                mock.patch.object(_control_client, "open", open_pipe, create=True):
            connection = _control_client.Connection("my-server")
        thread.start()
        with connection:
            self.assertEqual(connection.ask("status"), {"ok": True})
        thread.join(10)
        self.assertEqual(asked, [(r"\\.\pipe\my-server", "r+b", 0), b'{"command": "status"}\n'])
        self.assertEqual(waits, [(r"\\.\pipe\my-server", 5000)])
        theirs.close()

    def test_pipe_that_is_not_there_is_one_line(self):
        def wait(path, time):
            raise FileNotFoundError(2, "The system cannot find the file specified")

        with mock.patch.dict(sys.modules, {"_winapi": types.SimpleNamespace(WaitNamedPipe=wait)}), mock.patch.object(_control_client.os, "name", "nt"):
            self.assertEqual(self.ctl("status", "--socket", "none")[::2], (1, "Error: No server answers at \\\\.\\pipe\\none\n"))

    def test_pipe_has_to_be_named(self):
        with mock.patch.object(ctl.os, "name", "nt"):
            code, _, err = self.ctl("status")
        self.assertEqual(code, 1)
        self.assertIn("--socket NAME", err)


if __name__ == "__main__":
    unittest.main()
