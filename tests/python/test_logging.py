import contextlib
import io
import json
import logging
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from logging_case import LoggingCase

from waitress import _datagrams, _logging


class SetUpTest(LoggingCase):
    def test_nothing_stated_is_basic_config_and_a_level(self):
        self.assertFalse(_logging.is_stated({"log_format": "text", "log_journal": False, "log_level": None}))
        _logging.set_up({})
        self.logger.info("hello")
        self.assertEqual(self.errors.getvalue(), "INFO:waitress:hello\n")
        self.assertEqual((self.logger.level, len(self.root.handlers), self.logger.handlers), (logging.INFO, 1, []))

    def test_set_up_of_the_app_stays(self):
        own = logging.StreamHandler(io.StringIO())
        self.root.addHandler(own)
        self.logger.setLevel(logging.ERROR)
        _logging.set_up({})
        self.assertEqual((self.root.handlers, self.logger.level), ([own], logging.ERROR))

    def test_level_that_is_stated_counts(self):
        self.logger.setLevel(logging.ERROR)
        _logging.set_up({"log_level": "debug"})
        self.logger.debug("now")
        self.assertIn("DEBUG:waitress:now", self.errors.getvalue())

    def test_file_gets_the_entries_and_nobody_else(self):
        seen = io.StringIO()
        self.root.addHandler(logging.StreamHandler(seen))
        _logging.set_up({"log_file": self.path("log")})
        logging.getLogger("waitress.queue").warning("one")
        logging.getLogger("app").warning("two")
        self.assertRegex(self.read("log")[0], rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} \[{os.getpid()}\] WARNING waitress\.queue: one$")
        self.assertEqual((len(self.read("log")), seen.getvalue()), (1, "two\n"))

    def test_entry_whose_handler_raises_does_not_end_who_writes_it(self):
        class Broken(logging.Handler):
            def emit(self, record):
                raise ValueError("of the app")

        self.logger.addHandler(Broken())
        _logging.log("waitress", logging.ERROR, "said %s", "x")
        self.assertIn("ValueError: of the app", self.errors.getvalue())

    def test_set_up_again_replaces_what_was_there(self):
        _logging.set_up({"log_file": self.path("log")})
        _logging.set_up({"log_file": self.path("log2")})
        self.logger.warning("one")
        self.assertEqual((self.read("log"), len(self.read("log2")), len(self.logger.handlers)), ([], 1, 1))
        _logging.set_up({})
        self.assertEqual((self.logger.handlers, self.logger.propagate), ([], True))

    def test_json_is_an_object_per_line_whatever_is_in_it(self):
        _logging.set_up({"log_format": "json"}, worker="7")
        try:
            raise ValueError("two\nlines \ud800 \u2028")
        except ValueError:
            self.logger.exception("said %s", "\n\"x\"")
        logging.getLogger("app").warning("theirs")
        first, second = map(json.loads, self.errors.getvalue().splitlines())
        self.assertRegex(first.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIn("ValueError: two\nlines", first.pop("exception"))
        self.assertEqual(first, {"level": "ERROR", "logger": "waitress", "message": 'said \n"x"', "pid": os.getpid(), "worker": "7"})
        self.assertEqual((second["logger"], second["message"]), ("app", "theirs"))

    def test_json_beside_the_set_up_of_an_app_is_the_servers_alone(self):
        seen = io.StringIO()
        self.root.addHandler(logging.StreamHandler(seen))
        _logging.set_up({"log_format": "json"})
        self.logger.warning("ours")
        self.root.warning("theirs")
        self.assertEqual((json.loads(self.errors.getvalue())["message"], seen.getvalue()), ("ours", "theirs\n"))

    def test_faults_are_found_before_anything_is_opened(self):
        os.mkdir(self.path("folder"))
        values = {"access_logfile": self.path("none/a.log"), "log_file": self.path("folder"), "log_syslog": self.path("no-syslog"), "log_journal": True}
        with mock.patch.object(_logging, "JOURNAL", self.path("no-journal")):
            found = "\n".join(_logging.faults(values))
        for part in ("access_logfile: ", "there is no folder", "it is a folder", "there is nothing at", "no journal of systemd"):
            self.assertIn(part, found)
        self.assertEqual(os.listdir(self.folder), ["folder"])
        self.assertEqual(_logging.faults({"access_logfile": "-", "log_file": "x.log", "chdir": self.folder}), [])


@unittest.skipIf(os.name == "nt", "unix sockets")
class DatagramTest(LoggingCase):
    def receiver(self, name):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(made.close)
        made.bind(self.path(name))
        made.settimeout(10)
        return made

    def test_syslog_gets_priority_time_name_and_text(self):
        syslog = self.receiver("log")
        _logging.set_up({"log_syslog": self.path("log")})
        self.logger.error("broken %d", 1)
        logging.getLogger("waitress.queue").info("fine")
        text = syslog.recv(4096).decode()
        self.assertRegex(text, rf"^<27>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d waitress\[{os.getpid()}\]: waitress: broken 1$")
        self.assertRegex(syslog.recv(4096).decode(), r"^<30>.*: waitress\.queue: fine$")

    def test_syslog_by_udp_names_the_host(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(10)
            _logging.set_up({"log_syslog": f"udp://127.0.0.1:{receiver.getsockname()[1]}", "log_format": "json"}, worker="2")
            self.logger.warning("hello")
            head, _, text = receiver.recv(4096).decode().partition("]: ")
        self.assertRegex(head, rf"^<28>.* {socket.gethostname()} waitress\[\d+$")
        self.assertEqual((json.loads(text)["message"], json.loads(text)["worker"]), ("hello", "2"))
        self.assertEqual(_datagrams._host_and_port("[::1]"), ("::1", 514))
        self.assertEqual(_datagrams._host_and_port("logs.example"), ("logs.example", 514))

    def test_syslog_that_does_not_read_holds_up_nobody_and_hears_of_the_loss(self):
        syslog = self.receiver("log")
        _logging.set_up({"log_syslog": self.path("log")})
        for number in range(2000):
            self.logger.warning("entry %d", number)
        syslog.setblocking(False)
        got = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                syslog.recv(4096)
                got += 1
        self.logger.warning("last")
        self.assertIn(f"waitress: last ({2000 - got} earlier entries were lost", syslog.recv(4096).decode())

    def test_syslog_that_was_started_anew_is_found(self):
        self.receiver("log").close()
        os.unlink(self.path("log"))
        first = self.receiver("log")
        _logging.set_up({"log_syslog": self.path("log")})
        first.close()
        self.logger.warning("into the void")
        os.unlink(self.path("log"))
        second = self.receiver("log")
        self.logger.warning("hello")
        self.assertIn("hello (1 earlier entries", second.recv(4096).decode())

    def test_entry_that_is_too_long_is_shortened(self):
        syslog = self.receiver("log")
        _logging.set_up({"log_syslog": self.path("log")})
        self.logger.warning("x" * 4_000_000)
        text = syslog.recv(1 << 20)
        self.assertTrue(text.endswith(b"x ..."), text[-20:])
        self.assertGreaterEqual(len(text), _datagrams.SHORTENED)

    def test_journal_gets_fields_and_whole_tracebacks(self):
        journal = self.receiver("journal")
        with mock.patch.object(_logging, "JOURNAL", self.path("journal")):
            _logging.set_up({"log_journal": True}, worker="3")
        try:
            raise LookupError("no treasure")
        except LookupError:
            self.logger.exception("Exception while serving GET /")
        self.logger.info("short")
        fields = self.fields(journal.recv(65536))
        self.assertTrue(fields["MESSAGE"].startswith("Exception while serving GET /\nTraceback"), fields)
        self.assertTrue(fields["MESSAGE"].endswith("LookupError: no treasure"))
        known = {name: fields[name] for name in ("PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "LOGGER", "WAITRESS_WORKER", "CODE_FUNC")}
        self.assertEqual(known, {
            "PRIORITY": "3", "SYSLOG_IDENTIFIER": "waitress", "SYSLOG_PID": str(os.getpid()), "LOGGER": "waitress", "WAITRESS_WORKER": "3",
            "CODE_FUNC": "test_journal_gets_fields_and_whole_tracebacks"})
        fields = self.fields(journal.recv(65536))
        self.assertEqual((fields["MESSAGE"], fields["PRIORITY"]), ("short", "6"))

    def fields(self, data):
        """The native protocol: NAME=value, or NAME, newline, 64 bits of length, value; each ended by a newline."""
        found = {}
        while data:
            line, _, rest = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                (length,) = struct.unpack("<Q", rest[:8])
                value, rest = rest[8 : 8 + length], rest[9 + length :]
            found[name.decode()] = value.decode()
            data = rest
        return found


class ServeTest(unittest.TestCase):
    """In a program of its own: what serve() does to the logging of an app."""

    def run_program(self, keywords):
        code = (
            "import logging, fake_native; native = fake_native.install(); import waitress\n"
            f"native.values = {keywords!r}\n"
            "server = waitress.create_server(lambda *a: None); server.close()\n"
            "print(len(logging.getLogger().handlers), len(logging.getLogger('waitress').handlers), logging.getLogger('waitress').level)"
        )
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=60, check=True, env=environ, cwd=os.path.dirname(__file__))
        return done.stdout.split()

    def test_create_server_touches_logging_only_when_told_to(self):
        self.assertEqual(self.run_program({"log_format": "text", "log_journal": False}), ["0", "0", "0"])
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.run_program({"log_file": os.path.join(folder, "log"), "log_level": "error"}), ["0", "1", "40"])


if __name__ == "__main__":
    unittest.main()
