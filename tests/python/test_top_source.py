import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import unittest
from unittest import mock

if os.name == "nt":
    raise unittest.SkipTest("the control socket and terminals are Unix's")

from control_case import ControlCase, CtlCase
from status_example import example
from terminal import Program

from waitress import _terminal, _top_source, ctl
from waitress._control_client import ControlError


class AdminCase(CtlCase):
    """An admin address that says what the test wants."""

    def setUp(self):
        self.answers = {"/status.json": (200, json.dumps(example()).encode()), "/stack?worker=0&id=61729": (200, b"File x\n  pass_gate()\n")}
        case = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = case.answers.get(self.path, (404, b"It has ended"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments): ...

            def address_string(self):
                return ""

        self.handler = Handler

    def serve(self, kind=socketserver.ThreadingTCPServer, address=("127.0.0.1", 0)):
        server = kind(address, self.handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return server.server_address


class AdminTest(AdminCase):
    def test_address_is_taken_as_the_server_takes_and_says_it(self):
        port = self.serve()[1]
        for address in (f"127.0.0.1:{port}", f":{port}", str(port), f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/"):
            self.assertEqual(_top_source.FromAdmin(address).figures()["service"]["app"], "hello:app", address)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "admin.sock")
        self.serve(socketserver.ThreadingUnixStreamServer, path)
        for address in ("unix:" + path, "http://unix:" + path):
            self.assertEqual(_top_source.FromAdmin(address).figures()["service"]["app"], "hello:app", address)

    def test_something_else_than_an_address_is_code_2(self):
        for address in ("", "localhost", "a:b", "127.0.0.1:0", "127.0.0.1:99999", "::", "http://x"):
            with self.subTest(address=address), self.assertRaises(ControlError) as raised:
                _top_source.FromAdmin(address)
            self.assertEqual(raised.exception.code, 2)

    def test_stack_of_a_request(self):
        source = _top_source.FromAdmin(str(self.serve()[1]))
        self.assertEqual(source.stack(0, 61729), "File x\n  pass_gate()\n")
        self.assertIsNone(source.stack(0, 1))
        self.answers["/stack?worker=0&id=61729"] = (503, b"The worker does not answer\n")
        with self.assertRaisesRegex(ControlError, "^Error: The worker does not answer$"):
            source.stack(0, 61729)

    def test_others_than_our_server_are_one_clear_line(self):
        port = self.serve()[1]
        for answer in ((404, b"?"), (200, b"<html>"), (200, b"[]"), (403, b"no")):
            self.answers["/status.json"] = answer
            code, out, err = self.ctl("top", "--once", "--admin", str(port))
            self.assertEqual((code, out), (1, ""))
            self.assertEqual(err, f"Error: {port} answers, but not with /status.json of a server of ours (status {answer[0]})\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = free.getsockname()[1]
        self.assertEqual(self.ctl("top", "--once", "--admin", str(nobody)), (1, "", f"Error: No server answers at {nobody}\n"))
        with socket.create_server(("127.0.0.1", 0)) as silent, mock.patch.object(_top_source, "SECONDS", 0.05):
            self.assertEqual(self.ctl("top", "--once", "--admin", str(silent.getsockname()[1]))[2], "Error: The server does not answer\n")

    def test_once_is_one_plain_frame(self):
        code, out, err = self.ctl("top", "--once", "--admin", str(self.serve()[1]))
        self.assertEqual((code, err), (0, ""))
        self.assertIn("GET /report/7", out)
        self.assertEqual(out.count("hello:app: serving"), 1)
        self.assertNotIn("\x1b", out)

    def test_json_is_the_answer_itself(self):
        code, out, _ = self.ctl("top", "--once", "--json", "--admin", str(self.serve()[1]))
        self.assertEqual((code, json.loads(out)), (0, example()))

    def test_figures_of_another_version_are_shown_as_they_are(self):
        self.answers["/status.json"] = (200, b'{"else": 1}')
        self.assertEqual(self.ctl("top", "--once", "--admin", str(self.serve()[1]))[:2], (0, '{\n  "else": 1\n}\n'))

    def test_windows_has_no_control_socket_but_the_admin_address(self):
        port = str(self.serve()[1])
        with mock.patch.object(ctl.os, "name", "nt"):
            self.assertEqual(self.ctl("top", "--once", "--admin", port)[0], 0)
            self.assertEqual(self.ctl("top", "--once")[0], 1)

    def test_bad_command_lines_are_code_2(self):
        for arguments in (
            ["top", "--watch"], ["status", "--once"], ["status", "--admin", "9090"], ["status", "--interval", "1"], ["top", "--interval", "0"],
            ["top", "--interval", "x"], ["top", "--interval", "nan"], ["top", "--admin", "9090", "--socket", "x"],
        ):  # fmt: skip
            with self.subTest(arguments=arguments):
                self.assertEqual(self.ctl(*arguments)[0], 2)


class SupervisorTest(ControlCase):
    def setUp(self):
        super().setUp()
        self.answers["figures"] = example()
        self.answers["stack"] = {"stack": "File waits.py\n  pass_gate()"}

    def live(self, *more, **environ):
        package = os.path.dirname(os.path.dirname(ctl.__file__))
        program = Program([sys.executable, "-m", "waitress.ctl", "top", "--socket", self.path, "--interval", "0.2", *more], PYTHONPATH=package, **environ)
        self.addCleanup(program.close)
        program.until("GET /report/7")
        return program

    def assert_left(self, program, code):
        self.assertEqual(program.end(), code)
        self.assertEqual(program.modes, program.before)
        self.assertTrue(program.output.endswith(_terminal.LEAVE), program.output[-200:])
        self.assertNotIn("Traceback", program.output)

    def test_source_asks_again_after_a_failure(self):
        self.start()
        source = _top_source.FromSupervisor(self.path)
        self.assertEqual(source.figures(), example())
        self.assertEqual(source.stack(3, 66), "File waits.py\n  pass_gate()")
        self.assertEqual(self.asked[-1], ("stack", {"worker": 3, "request": 66}))
        self.answers["figures"] = {"error": "Nobody counts here"}
        with self.assertRaisesRegex(ControlError, "Nobody counts here"):
            source.figures()
        self.answers["figures"] = {"again": 1}
        self.assertEqual(source.figures(), {"again": 1})

    def test_live_screen_shows_stacks_changes_of_its_size_and_ends_by_q(self):
        self.start()
        program = self.live()
        self.assertEqual(program.modes[3] & 0o10, 0)  # no echo, ECHO
        program.send("\x1b[B")
        program.until("GET /report/7")
        program.send("\r")
        program.until("pass_gate()")
        program.send("\x1b")
        program.until("REQUEST IN FLIGHT")
        program.resize(12, 50)
        program.until(lambda lines: len(lines) == 12 and max(map(len, lines)) <= 50 and any("GET /report/7" in line for line in lines))
        program.send(" ")
        program.until("Paused at")
        program.send(" q")
        self.assert_left(program, 0)

    def test_live_screen_says_that_the_server_has_gone_and_comes_back(self):
        self.start()
        program = self.live()
        self.end()
        program.until("No answer since")
        self.start()
        program.until(lambda lines: not any("No answer" in line for line in lines) and any("GET /report/7" in line for line in lines))
        program.send("q")
        self.assert_left(program, 0)

    def test_request_that_ends_keeps_the_stack_that_is_open(self):
        self.start()
        program = self.live()
        program.send("j")
        program.send("\r")
        program.until("pass_gate()")
        self.answers["stack"] = {"stack": None}
        self.answers["figures"] = {**example(), "in_flight": {"partial": False, "requests": []}}
        program.until("state ended")
        self.assertTrue(any("pass_gate()" in line for line in program.lines))
        program.send(" ")
        program.until("Paused at")
        program.send(" ")
        program.send("\r")
        program.until("(none)")
        program.send("q")
        self.assert_left(program, 0)

    def test_ctrl_c_and_sigterm_leave_the_terminal_as_it_was(self):
        self.start()
        program = self.live()
        program.send("\x03")
        self.assert_left(program, 0)
        program = self.live()
        program.process.send_signal(signal.SIGTERM)
        self.assert_left(program, 128 + signal.SIGTERM)

    def test_ctrl_z_gives_the_terminal_back_until_fg(self):
        self.start()
        program = self.live()
        program.send("\x1a")
        self.assertTrue(os.WIFSTOPPED(os.waitpid(program.process.pid, os.WUNTRACED)[1]))
        self.assertEqual(program.modes, program.before)
        program.output = ""
        program.process.send_signal(signal.SIGCONT)
        program.until("GET /report/7")
        program.send("q")
        self.assert_left(program, 0)

    def test_output_that_is_no_terminal_gets_frame_after_frame_until_it_is_closed(self):
        self.start()
        import subprocess

        with subprocess.Popen(
            [sys.executable, "-m", "waitress.ctl", "top", "--socket", self.path, "--interval", "0.2"], stdout=subprocess.PIPE, text=True, encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(ctl.__file__)), "PYTHONIOENCODING": "utf-8"},
        ) as program:  # fmt: skip
            frames = 0
            while frames < 3:
                line = program.stdout.readline()
                self.assertNotIn("\x1b", line)
                frames += line.startswith("hello:app: serving")
            program.stdout.close()
            self.assertEqual(program.wait(30), 0)


if __name__ == "__main__":
    unittest.main()
