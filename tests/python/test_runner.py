import contextlib
import io
import logging
import os
import sys
import tempfile
import unittest
from unittest import mock

import fake_native

from waitress import runner

USAGE = "Usage: waitress-serve [OPTIONS] [MODULE:OBJECT]"


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()
        logger = logging.getLogger("waitress")
        self.addCleanup(logger.setLevel, logger.level)
        self.served = []

    def run_program(self, *args, **line):
        self.native.line = line
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = runner.run(["/bin/waitress-serve", *args], _serve=lambda *served: self.served.append(served))
        return code, out.getvalue(), err.getvalue()

    def test_app_is_loaded_and_served(self):
        code, _, err = self.run_program("test_runner:app", values={"port": 1})
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.served[0][0].__name__, "app")
        self.assertEqual(self.native.configure_calls[0][0], {"port": 1})
        self.assertEqual(logging.getLogger("waitress").level, logging.INFO)

    def test_level_that_was_set_stays(self):
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self.run_program("test_runner:app")
        self.assertEqual(logging.getLogger("waitress").level, logging.ERROR)

    def test_help_and_version_need_no_app(self):
        self.assertEqual(self.run_program(help=True), (0, f"{USAGE}\n", ""))
        code, out, _ = self.run_program(version=True)
        self.assertEqual(code, 0)
        self.assertIn("fake", out)
        self.assertEqual(self.served, [])

    def test_check_config_prints_the_report_and_serves_nothing(self):
        self.assertEqual(self.run_program(check_config=True), (0, "port = 8080 (default)\n", ""))
        self.assertEqual(self.served, [])

    def test_all_faults_are_printed_with_code_2(self):
        self.native.errors = ["port: 'x' is not a number"]
        code, _, err = self.run_program("test_runner:app", errors=["unknown option --prot"], config="missing.toml")
        self.assertEqual(code, 2)
        lines = err.splitlines()
        self.assertEqual(lines[:3], [USAGE, "", "Error: unknown option --prot"])
        self.assertIn("missing.toml can't be read", lines[3])
        self.assertEqual(lines[4:], ["Error: port: 'x' is not a number"])
        self.assertEqual(self.served, [])

    def test_faults_of_settings_alone_bring_no_help(self):
        self.native.errors = ["port: 'x' is not a number"]
        code, _, err = self.run_program("test_runner:app")
        self.assertEqual((code, err), (2, "Error: port: 'x' is not a number\nTry 'waitress-serve --help'.\n"))

    def test_no_app_brings_the_help_and_is_code_1(self):
        code, _, err = self.run_program()
        self.assertEqual(code, 1)
        self.assertTrue(err.startswith(f"{USAGE}\n\nError: Specify an application"), err)

    def test_app_that_fails_to_import_brings_the_help_then_its_traceback_then_the_error(self):
        with tempfile.TemporaryDirectory() as directory, mock.patch.object(sys, "path", [directory, *sys.path]):
            with open(os.path.join(directory, "site30.py"), "w", encoding="utf-8") as file:
                file.write("raise LookupError('no treasure')\n")
            code, out, err = self.run_program("site30:app")
        self.assertEqual((code, out), (1, ""))
        lines = err.splitlines()
        self.assertEqual(lines[:3], [USAGE, "", "Traceback (most recent call last):"])
        self.assertEqual(lines[-2:], [
            "LookupError: no treasure", "Error: The app 'site30:app' could not be imported: LookupError: no treasure"])

    def test_app_that_does_not_exist_brings_the_help_and_what_was_looked_for(self):
        code, _, err = self.run_program("no_such_module_y:app")
        self.assertEqual(code, 1)
        self.assertTrue(err.startswith(f"{USAGE}\n\nError: There is no module 'no_such_module_y'. Looked for"), err)

    def test_address_that_is_taken_is_one_line_and_code_1(self):
        self.native.open_error = OSError("127.0.0.1:80 is in use by another program")
        self.native.line = {}
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code = runner.run(["waitress-serve", "test_runner:app"])
        self.assertEqual(code, 1)
        self.assertEqual(err.getvalue().splitlines()[0], "Error: 127.0.0.1:80 is in use by another program")

    def test_settings_warnings_are_logged(self):
        self.native.warnings = ["connection_limit is low"]
        with self.assertLogs("waitress", logging.WARNING) as logs:
            self.run_program("test_runner:app")
        self.assertIn("connection_limit is low", logs.output[0])

    def test_environment_reaches_the_settings(self):
        os.environ["PORT"] = "5000"
        self.addCleanup(os.environ.pop, "PORT")
        self.run_program("test_runner:app")
        self.assertEqual(self.native.configure_calls[0][1]["PORT"], "5000")

    def test_module_name_stands_for_the_program(self):
        self.assertEqual(runner._program("/x/waitress/__main__.py"), f"{os.path.basename(sys.executable)} -m waitress")


if __name__ == "__main__":
    unittest.main()
