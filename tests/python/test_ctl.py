import json
import os
import socket
import subprocess
import sys
import threading
from unittest import mock

from control_case import STATUS, WORKER, ControlCase, CtlCase

from waitress import _control_path, _memory, ctl


class CtlTest(ControlCase, CtlCase):
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

    def test_watch_shows_it_again_until_ctrl_c(self):
        self.start()
        pauses = []

        def pause(seconds):
            pauses.append(seconds)
            if len(pauses) == 3:
                raise KeyboardInterrupt

        with mock.patch.object(ctl.time, "sleep", pause):
            code, out, _ = self.ctl("status", "--watch", "--socket", self.path)
        self.assertEqual((code, pauses, out.count("WORKER")), (0, [1.0] * 3, 3))
        self.assertEqual([name for name, _ in self.asked], ["status"] * 3)

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
