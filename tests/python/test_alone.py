import os
import signal
import socket
import tempfile
import threading
import unittest
from unittest import mock

import fake_native

from waitress import _alone, _app
from waitress._notify import Notify
from waitress._program import Program
from waitress.server import Server


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


def configured(native, **values):
    return {**native.configure({}, {}, {}, None, {}), "values": {"pid": None, **values}}


class SurroundingsTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()

    def run_server(self, prepare):
        """In the main thread, as the program does: the signals are real."""
        self.native.prepare = prepare
        server = Server(app, configured(self.native), _alone.Surroundings(None, Notify({})))
        watchdog = threading.Timer(20, server.close)
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        server.run()
        self.assertTrue(watchdog.is_alive() or not watchdog.finished.is_set(), "the stop was lost")
        return self.native.engines[-1].calls

    @unittest.skipIf(os.name == "nt", "no signals to oneself")
    def test_signal_while_the_engine_starts_is_not_lost(self):
        def prepare(engine):
            start = engine.start

            def start_with_a_signal():
                start()
                signal.raise_signal(signal.SIGTERM)

            engine.start = start_with_a_signal

        calls = self.run_server(prepare)
        self.assertEqual((calls[0], calls[-1]), ("start", "close"))
        self.assertIn("stop True", calls)

    @unittest.skipUnless(hasattr(socket, "AF_UNIX") and os.name != "nt", "systemd is on Linux only")
    def test_service_manager_hears_ready_and_stopping(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(folder, "n")
            manager.bind(path)
            manager.settimeout(10)

            def prepare(engine):
                engine.hold = True  # the graceful stop takes until the server has looked a second time
                start, ended, looks = engine.start, engine.ended, []

                def start_with_a_signal():
                    start()
                    signal.raise_signal(signal.SIGTERM)

                def ended_at_the_second_look():
                    looks.append(1)
                    if len(looks) == 2:
                        engine.stop(False)
                    return ended()

                engine.start, engine.ended = start_with_a_signal, ended_at_the_second_look

            self.native.prepare = prepare
            Server(app, configured(self.native), _alone.Surroundings(None, Notify({"NOTIFY_SOCKET": path}))).run()
            told = [manager.recv(4096).decode().split("\n")[0] for _ in range(2)]
        self.assertEqual(told, ["READY=1", "STOPPING=1"])


class OrderTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.pid = os.path.join(folder.name, "pid")

    def serve(self, spec="test_alone:app", **values):
        seen = []
        settings = configured(self.native, pid=self.pid, **values)
        _alone.serve(Program(settings["values"]), spec, False, settings, lambda _: seen.append("logging"),
                     lambda served, _: seen.append((served.__name__, os.path.exists(self.pid))))
        return seen

    def test_pid_file_is_there_while_serving_and_gone_after(self):
        self.assertEqual(self.serve(), ["logging", ("app", True)])
        self.assertFalse(os.path.exists(self.pid))

    def test_pid_file_goes_when_the_app_can_not_be_imported(self):
        with self.assertRaises(_app.AppError):
            self.serve("no_such_module_z:app")
        self.assertFalse(os.path.exists(self.pid))

    def test_pid_file_in_use_is_an_error_before_the_import(self):
        with open(self.pid, "w", encoding="ascii") as file:
            file.write("precious")
        with mock.patch.object(_app, "load") as load, self.assertRaisesRegex(OSError, "something else"):
            self.serve()
        load.assert_not_called()


if __name__ == "__main__":
    unittest.main()
