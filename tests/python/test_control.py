import contextlib
import io
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

if os.name == "nt":
    raise unittest.SkipTest("there is no supervisor on Windows")

from waitress import _control_path, _memory, ctl
from waitress.supervisor import _control
from waitress.supervisor._control import Control
from waitress.supervisor._loop import Loop

WORKER = {"name": "3", "pid": 4711, "state": "serving", "requests": 12, "in_flight": 1, "queue": 0, "rss": 30 << 20, "age": 3725.5}
STATUS = {"listen": [["127.0.0.1", "8080"]], "pid": 4700, "state": "serving", "generation": 2, "uptime": 61, "workers": [WORKER]}


class ControlCase(unittest.TestCase):
    """A control socket with its loop in a thread; commands are answered by self.answers, or kept in self.open."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o700)
        self.path = os.path.join(self.folder, "control.sock")
        environ = mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": self.folder})
        environ.start()
        self.addCleanup(environ.stop)
        os.environ.pop("WAITRESS_CONTROL_SOCKET", None)
        # Other servers of this user on this machine are none of ours.
        for patch in (mock.patch.object(_control_path, "RUN", "/no/such"), mock.patch("tempfile.gettempdir", return_value=self.folder)):
            patch.start()
            self.addCleanup(patch.stop)
        self.asked = []
        self.answers = {"status": STATUS, "workers": {"workers": [WORKER]}, "add": {"error": "There are 8 workers already, and max_workers is 8"}}
        self.open = []
        self.opened = threading.Event()

    def command(self, name, arguments, reply):
        self.asked.append((name, arguments))
        if name in self.answers:
            reply(self.answers[name])
        else:
            self.open.append(reply)
            self.opened.set()

    def start(self, path="stated"):
        """Opens a control socket and turns its loop in a thread until the test ends."""
        loop = Loop()
        control = Control(loop, self.command, self.path if path == "stated" else path)
        stop = threading.Event()
        wake, wake_end = socket.socketpair()
        loop.add_reader(wake.fileno(), lambda: wake.recv(1))

        def turn():
            while not stop.is_set():
                loop.turn(None)
            control.close()

        thread = threading.Thread(target=turn)
        thread.start()

        def end():
            if not stop.is_set():
                stop.set()
                wake_end.send(b"x")
                thread.join(10)
                loop.close()
                wake.close()
                wake_end.close()

        self.addCleanup(end)
        self.end = end
        return control

    def loop(self):
        loop = Loop()
        self.addCleanup(loop.close)
        return loop

    def connect(self, path=None):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(client.close)
        client.settimeout(10)
        client.connect(path or self.path)
        return client

    def line(self, client):
        data = b""
        while not data.endswith(b"\n"):
            more = client.recv(1 << 20)
            if not more:
                raise EOFError(data)
            data += more
        return json.loads(data)

    def ask(self, client, text):
        client.sendall(text if isinstance(text, bytes) else json.dumps(text).encode() + b"\n")
        return self.line(client)


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


class DefaultPlaceTest(ControlCase):
    def test_runtime_folder_of_the_user_is_first(self):
        control = self.start(None)
        self.assertEqual(control.path, os.path.join(self.folder, "waitress", f"{os.getpid()}.sock"))
        self.assertEqual(os.stat(os.path.dirname(control.path)).st_mode & 0o777, 0o700)
        self.assertEqual(list(_control_path.living()), [control.path])

    def test_folder_open_to_others_is_passed_over(self):
        os.mkdir(os.path.join(self.folder, "waitress"))
        os.chmod(os.path.join(self.folder, "waitress"), 0o755)
        with mock.patch("tempfile.gettempdir", return_value=self.folder):
            self.assertEqual(os.path.dirname(_control_path.default()), os.path.join(self.folder, f"waitress-{os.geteuid()}"))

    def test_without_any_place_the_server_goes_on_with_a_warning(self):
        os.environ["XDG_RUNTIME_DIR"] = "/no/such"
        with mock.patch("tempfile.gettempdir", return_value="/no/such"), \
                self.assertLogs("waitress.supervisor", "WARNING") as logs:
            control = Control(self.loop(), self.command, None)
        self.assertIsNone(control.path)
        self.assertIn("waitress-ctl will not find this server", logs.output[0])
        control.close()

    def test_sockets_of_killed_servers_are_swept(self):
        folder = os.path.join(self.folder, "waitress")
        os.mkdir(folder, 0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(os.path.join(folder, "1.sock"))
        self.start(None)
        self.assertEqual(os.listdir(folder), [f"{os.getpid()}.sock"])


class CtlTest(ControlCase):
    def ctl(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = ctl.main(list(arguments))
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()

    def test_status_is_a_table(self):
        self.start()
        code, out, err = self.ctl("--socket", self.path, "status")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.splitlines(), [
            "http://127.0.0.1:8080: supervisor 4700, serving, generation 2, up 1 min 1 s",
            "",
            "WORKER   PID  STATE    REQUESTS  IN FLIGHT  QUEUE    MEMORY        AGE",
            "3       4711  serving        12          1      0  30.0 MiB  1 h 2 min",
        ])

    def test_memory_that_is_unknown_is_a_question_mark(self):
        self.answers["workers"] = {"workers": [{**WORKER, "rss": None, "age": 200000}]}
        self.start()
        self.assertRegex(self.ctl("workers", "--socket", self.path)[1], r" \?  2 d 7 h\n$")

    def test_json_is_the_answer_itself(self):
        self.start()
        self.assertEqual(json.loads(self.ctl("status", "--json", "--socket", self.path)[1]), STATUS)

    def test_answer_of_another_version_is_shown_as_it_is(self):
        self.answers["status"] = {"else": 1}
        self.start()
        self.assertEqual(self.ctl("status", "--socket", self.path)[:2], (0, '{\n  "else": 1\n}\n'))

    def test_stacks_are_grouped_by_worker(self):
        self.answers["stacks"] = {"workers": [
            {"name": "3", "pid": 4711, "result": [{"thread": "MainThread", "ident": 1, "stack": "File x\n  line\n"}]},
            {"name": "4", "pid": 4712, "result": {"error": "no answer within 5 s"}},
        ]}
        self.start()
        self.assertEqual(self.ctl("stacks", "--socket", self.path)[1], 
                         "Worker 3, process 4711\n  Thread MainThread\n    File x\n      line\n\n"
                         "Worker 4, process 4712\n  no answer within 5 s; its stacks come in the server's log\n\n")

    def test_memory_is_tables_for_each_worker(self):
        report = _memory.Reports().make()
        self.answers["memory"] = {"supervisor": {"pid": 4700, "resident": 21 << 20}, "workers": [
            {"name": "3", "pid": 4711, "result": report},
            {"name": "4", "pid": 4712, "result": {"error": "no answer within 120 s"}},
        ]}
        self.start()
        code, out, err = self.ctl("memory", "--limit", "70000", "--socket", self.path)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.asked, [("memory", {"limit": 70000})])
        self.assertRegex(out, r"^Worker 3, process 4711\n  .* resident, .* of it private; peak .*\n  Python: [\d,]+ objects, [\d,]+ blocks;")
        self.assertRegex(out, r"(?m)^  TYPE +OBJECTS +GROWTH +SINCE FIRST +BYTES$")
        self.assertIn("\nWorker 4, process 4712\n  no answer within 120 s\n", out)
        self.assertTrue(out.endswith("Supervisor, process 4700: 21.0 MiB resident\n"), out)
        for wrong in (("status", "--limit", "1"), ("memory", "--limit", "-1"), ("memory", "--limit", "x")):
            self.assertEqual(self.ctl(*wrong, "--socket", self.path)[0], 2)

    def test_outcomes_are_one_line(self):
        self.answers.update({
            "remove": {"ok": True, "wanted": 1}, "stop": {"ok": True}, "reload": {"ok": True, "text": "All workers run generation 3"},
            "gc": {"workers": [{"name": "3", "pid": 4711, "result": {"collected": 12, "counts": [1, 2, 3]}}]},
        })
        self.start()
        for command, expected in (("remove", "1 worker\n"), ("stop", "Done\n"), ("reload", "All workers run generation 3\n"),
                                  ("gc", "Worker 3: 12 objects collected\n")):
            self.assertEqual(self.ctl(command, "--socket", self.path), (0, expected, ""))

    def test_reload_that_failed_shows_the_traceback_first_with_code_1(self):
        self.answers["reload"] = {"ok": False, "error": "Reload given up", "detail": "Traceback\nSyntaxError"}
        self.start()
        self.assertEqual(self.ctl("reload", "--socket", self.path), (1, "", "Traceback\nSyntaxError\nError: Reload given up\n"))

    def test_one_server_is_found(self):
        self.start(None)
        self.assertEqual(self.ctl("workers")[0], 0)

    def test_socket_of_the_environment_is_used(self):
        self.start()
        os.environ["WAITRESS_CONTROL_SOCKET"] = self.path
        self.assertEqual(self.ctl("workers")[0], 0)

    def test_several_servers_are_listed_with_code_2(self):
        first = self.start(None).path
        second = first.replace(f"{os.getpid()}", "another")
        os.link(first, second)
        code, out, err = self.ctl("status")
        self.assertEqual((code, out), (2, ""))
        self.assertIn(f"  {first}  http://127.0.0.1:8080\n", err)
        self.assertIn(f"  {second}  http://127.0.0.1:8080\n", err)

    def test_no_server_is_code_1(self):
        with mock.patch.object(_control_path, "folders", return_value=[self.folder]):
            code, out, err = self.ctl("status")
        self.assertEqual((code, out), (1, ""))
        self.assertIn(f"No server of this user was found; looked in {self.folder}.", err)
        code, _, err = self.ctl("status", "--socket", self.path)
        self.assertEqual((code, err), (1, f"Error: No server answers at {self.path}\n"))

    def test_refusal_of_the_server_is_code_1(self):
        self.start()
        self.assertEqual(self.ctl("add", "--socket", self.path), (1, "", "Error: There are 8 workers already, and max_workers is 8\n"))

    def test_bad_command_lines_are_code_2(self):
        for arguments in ([], ["format"], ["status", "--nonsense"], ["stop", "--watch"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.ctl(*arguments)[0], 2)

    def test_something_else_that_listens_is_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(self.path)
            other.listen(2)

            def answer(text):
                connection = other.accept()[0]
                with connection:
                    connection.recv(100)
                    connection.sendall(text)

            for text, expected in ((b"220 smtp\n", "not a server of ours"), (b"[]\n", "not a server of ours"), (b"", "has gone")):
                with self.subTest(text=text):
                    thread = threading.Thread(target=answer, args=(text,))
                    thread.start()
                    code, _, err = self.ctl("status", "--socket", self.path)
                    thread.join(10)
                    self.assertEqual(code, 1)
                    self.assertIn(expected, err)

    def test_program_needs_no_engine(self):
        done = subprocess.run(
            [sys.executable, "-c", "import sys, waitress.ctl\nprint('waitress._native' in sys.modules)"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(ctl.__file__))})
        self.assertEqual(done.stdout, "False\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
