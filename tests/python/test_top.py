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
from terminal import Program

from waitress import _terminal, _top, _top_frame, _top_source, _units, ctl
from waitress._control_client import ControlError

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "status.md")


def example():
    """The one of the documentation."""
    with open(DOCS, encoding="utf-8") as file:
        status = json.loads(file.read().split("```json\n")[1].split("```")[0])
    status["in_flight"]["requests"].append({**status["in_flight"]["requests"][0], "id": 5, "age": 0.1, "path": "/young"})
    return status


def text(lines):
    return "\n".join(line for line, _ in lines)


class UnitsTest(unittest.TestCase):
    def test_times_are_milliseconds_up_to_ten_seconds(self):
        for seconds, expected in ((None, "-"), (0, "0 ms"), (0.00001, "0.01 ms"), (0.0011, "1.1 ms"), (0.42, "420 ms"), (3.2, "3,200 ms"), (12.34, "12.3 s")):
            self.assertEqual(_units.time(seconds), expected)

    def test_durations_have_two_units(self):
        for seconds, expected in ((None, "-"), (3.26, "3 s"), (61, "1 min 1 s"), (3725.5, "1 h 2 min"), (200000, "2 d 7 h")):
            self.assertEqual(_units.duration(seconds), expected)
        self.assertEqual([_units.age(3.26), _units.age(61)], ["3.3 s", "1 min 1 s"])

    def test_sizes_are_binary(self):
        for size, expected in ((None, "-"), (0, "0 B"), (863, "863 B"), (30 << 20, "30.0 MiB"), (5 << 40, "5.0 TiB"), (5 << 50, "5120.0 TiB")):
            self.assertEqual(_units.size(size), expected)

    def test_rates_and_shares_have_the_digits_that_matter(self):
        self.assertEqual([_units.rate(each) for each in (None, 0, 0.306, 12.34, 812.4, 12345.6)], ["-", "0", "0.31", "12.3", "812", "12,346"])
        self.assertEqual([_units.share(each) for each in (None, 0, 0.031, 0.31, 1)], ["-", "0 %", "3.1 %", "31 %", "100 %"])

    def test_windows_are_named_as_they_are_meant(self):
        self.assertEqual([_units.span(each) for each in (10, 59, 64, 77, 150, 296, 300)], ["10 s", "1 min", "1 min", "77 s", "2.5 min", "5 min", "5 min"])


class FrameTest(unittest.TestCase):
    def setUp(self):
        self.status = example()

    def frame(self, width=120, height=None, **more):
        return _top_frame.Frame(self.status, width, height, {4712: 12.0}, **more)

    def test_everything_of_the_example_is_there(self):
        shown = text(self.frame(140).lines())
        for part in (
            "hello:app: serving", "Waitress Sharp 1.0.0 · Python 3.11.2 · http://127.0.0.1:8080 · supervisor 4711 · up 2 h 46 min",
            "812 requests/s   0 errors/s   0.10 client errors/s   10.3 KiB/s sent   busy 31 %",
            "in flight 3   queue 0   oldest waits -   threads busy 2 of 8   connections 12   workers 2 of 2   CPU 40 %   private 29.6 MiB",
            "LAST 1 MIN      p50      p90      p99     mean", "Request      1.1 ms   1.9 ms   4.2 ms   1.3 ms", "GIL         0.10 ms  0.10 ms  0.40 ms  0.02 ms",
            "1       4712  ready  2 h 46 min    61,728   12.0          2      0  1 of 4  40 %  46.1 MiB  29.6 MiB",
            "3.2 s  app         1  waitress-0  203.0.113.9  GET /report/7", "(1 more, younger than 0.5 s)",
            "1,900 ms  4,200 ms        12       0  GET /report/{n}", "200 ms  5.0 %        40       2  POST /pay",
        ):  # fmt: skip
            self.assertIn(part, shown)
        self.assertNotIn("/young", shown)

    def test_lines_fit_any_screen(self):
        for width in (1, 20, 60, 80, 99, 100, 200):
            for height in (1, 5, 12, 24, 60):
                with self.subTest(width=width, height=height):
                    lines = self.frame(width, height).lines(footer="q quit")
                    self.assertLessEqual(len(lines), height)
                    self.assertLessEqual(max(len(line) for line, _ in lines), width)
                    if width >= 60 and height >= 12:
                        self.assertIn("GET /report/7", text(lines))
                        self.assertEqual(lines[-1][0], "q quit")

    def test_little_room_is_shared_and_says_what_it_hides(self):
        self.status["workers"] = [{**self.status["workers"][0], "slot": slot, "name": str(slot + 1)} for slot in range(40)]
        requests = [{**self.status["in_flight"]["requests"][0], "id": number, "age": 100.0 - number} for number in range(30)]
        self.status["in_flight"]["requests"] = requests
        lines = self.frame(120, 30).lines((0, 25), footer="q quit")
        self.assertEqual(len(lines), 30)
        # Its age: it is shown though it is far down.
        self.assertEqual([line.split()[:4] for line, look in lines if look == "chosen"], [["1", "min", "15", "s"]])
        self.assertIn("hidden", text(lines))
        self.assertEqual(lines[-1], ("q quit", "soft"))

    def test_text_of_clients_and_app_can_not_move_the_cursor(self):
        hostile = "\x1b[2J\x9b1m\r\n\u202e\x07\ud800<b>"
        for request in self.status["in_flight"]["requests"]:
            request.update(path=hostile, client=hostile, thread=hostile, method=hostile)
        for route in self.status["routes"]["slowest"] + self.status["routes"]["failing"]:
            route.update(path=hostile, method=hostile)
        self.status["service"].update(app=hostile, reason=hostile, ready=False)
        frame = self.frame(300)
        stack = frame.of_stack(self.status["in_flight"]["requests"][0], f"File\n\t{hostile}", "q quit")
        for line, _ in frame.lines() + stack:
            self.assertTrue(line.isprintable(), line)

    def test_what_is_not_known_is_a_dash(self):
        self.status["workers"][0].update(resident=None, private=None, cpu_share=None, state=None)
        self.status["service"]["app"] = None
        self.status["times"][0].update({name: dict.fromkeys(("p50", "p90", "p99", "mean")) for name in ("duration", "queue", "gil", "app")})
        self.status["in_flight"]["requests"][0].update(thread=None, client=None)
        self.status["rates"] = []
        shown = text(self.frame(140).lines())
        self.assertIn("Waitress Sharp: serving", shown)
        self.assertIn("Request       -    -    -     -", shown)
        self.assertIn("CPU -   private -", shown)
        self.assertIn("- requests/s", shown)

    def test_service_that_is_not_ready_says_why(self):
        self.status["service"].update(ready=False, reason="no worker is ready", state="serving")
        self.assertEqual(self.frame().lines()[0], ("hello:app: serving, not ready: no worker is ready", "bad"))

    def test_service_in_its_first_second_has_no_figures_yet(self):
        for windows in (self.status["rates"], self.status["times"]):
            windows[0]["seconds"] = 0
        self.assertIn("- requests/s", text(self.frame().lines()))

    def test_screen_without_unicode_gets_ascii(self):
        self.assertTrue(text(self.frame(unicode=False).lines(footer=_top.FOOTER)).isascii())
        self.assertTrue(text(self.frame(10, unicode=False).lines(footer=_top.FOOTER)).isascii())

    def test_long_stack_shows_its_innermost_calls(self):
        lines = self.frame(80, 20).of_stack(self.status["in_flight"]["requests"][0], "\n".join(f"line {number}" for number in range(100)), "q quit")
        self.assertEqual((len(lines), lines[-3][0], lines[2][0]), (20, "line 99", "GET /report/7"))

    def test_curves_are_relative_to_their_highest(self):
        self.assertEqual(_top_frame.curve([0.0, None, 1.0, 2.0]).strip(), "▁ ▅█")
        self.assertEqual(_top_frame.curve([0.0, 0.0]).strip(), "▁▁")
        self.assertEqual(len(_top_frame.curve([1.0] * 100)), _top_frame.CURVE)


class RatesTest(unittest.TestCase):
    def test_rate_is_the_difference_to_the_last_look_of_the_same_process(self):
        rates = _top.Rates()
        self.assertEqual(rates.of({"time": 1.0, "workers": [{"pid": 1, "requests": 5}]}), {})
        self.assertEqual(rates.of({"time": 3.0, "workers": [{"pid": 1, "requests": 11}, {"pid": 2, "requests": 7}]}), {1: 3.0})
        self.assertEqual(rates.of({"time": 3.0, "workers": [{"pid": 1, "requests": 11}]}), {})


class KeysTest(unittest.TestCase):
    def test_keys_are_told_by_their_sequences(self):
        for typed, expected in (
            (b"q", ["quit"]), (b"\x1b[A\x1b[Bk", ["up", "down", "up"]), (b"\x1bOB", ["down"]), (b"\r", ["open"]), (b"\x1b", ["back"]), (b" x", ["pause"]),
            (b"\x1b[15~q", ["quit"]), (b"\x1b[1;5Cj", ["down"]), (b"\xc3\xa4", []), (b"\x1b[", []), (b"", ["quit"]),
        ):  # fmt: skip
            with self.subTest(typed=typed):
                self.assertEqual(_terminal.keys(typed), expected)


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
