"""What `import waitress` offers besides create_server()."""
import logging
import os
import sys
import unittest

import fake_native
from children import HERE, run_python

import waitress
from waitress.server import create_server


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


class PackageTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()

    def test_settings_that_need_a_supervisor_want_the_apps_name(self):
        self.native.values = {"supervised": True}
        for serve in (create_server, waitress.serve):
            with self.assertRaisesRegex(ValueError, "module:app"):
                serve(app, worker_class="process")
        self.assertEqual(self.native.engines, [])

    def test_serve_takes_an_app_by_its_name(self):
        self.native.prepare = lambda engine: setattr(engine, "started", Stopper(engine))
        waitress.serve("test_package:app", _quiet=True)
        self.assertIs(self.native.engines[0].app, sys.modules["test_package"].app)

    def test_serve_paste_returns_zero(self):
        self.native.prepare = lambda engine: setattr(engine, "started", Stopper(engine))
        self.assertEqual(waitress.serve_paste(app, {}, _quiet=True), 0)

    def test_serve_logs_addresses_interpreter_and_build(self):
        self.native.prepare = lambda engine: setattr(engine, "started", Stopper(engine))
        with self.assertLogs("waitress", logging.INFO) as logs:
            waitress.serve(app)
        lines = [record.getMessage() for record in logs.records]
        self.assertEqual(lines[0], "Serving on http://127.0.0.1:8080")
        self.assertRegex(lines[2], r"^CPython 3\.\d+\.\d+, 3 threads, 3 requests served at once, engine 0\.0\.0, fake$")

    def test_profile_prints_statistics(self):
        self.assertIn("function calls", run_python('waitress.profile("sum(range(10))", {}, {}, (), False)').stdout)

    def test_version_is_the_one_of_the_build(self):
        with open(os.path.join(HERE, "..", "..", "Directory.Build.props"), encoding="utf-8") as file:
            self.assertIn(f"<Version>{waitress.__version__}</Version>", file.read())


class Stopper:
    """In place of the `started` event: stops the engine as soon as it accepts."""

    def __init__(self, engine):
        self.engine = engine

    def set(self):
        self.engine.stop(True)


if __name__ == "__main__":
    unittest.main()
