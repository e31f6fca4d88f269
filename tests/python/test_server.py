import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import unittest
import warnings

import fake_native

import waitress
from waitress import server as server_module
from waitress.server import create_server

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(waitress.__file__)))


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()

    def run_in_thread(self, server):
        thread = threading.Thread(target=server.run)
        thread.start()
        self.assertTrue(server._engine.started.wait(10))
        return thread

    def test_run_closed_from_another_thread_ends_and_releases_once(self):
        server = create_server(app)
        thread = self.run_in_thread(server)
        server.close()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        server.close()
        self.assertEqual(self.native.engines[0].calls, ["start", "stop True", "close"])

    def test_workers_are_named_daemon_threads_of_python(self):
        server = create_server(app)
        thread = self.run_in_thread(server)
        names = {each.name: each.daemon for each in threading.enumerate() if each.name.startswith("waitress-")}
        server.close()
        thread.join(10)
        self.assertEqual(names, {"waitress-0": True, "waitress-1": True, "waitress-2": True})
        self.assertFalse([each for each in threading.enumerate() if each.name.startswith("waitress-")])

    def test_stack_size_is_put_back(self):
        before = threading.stack_size()
        sizes = []
        real = threading.stack_size
        self.native.prepare = lambda engine: setattr(engine, "work", lambda: sizes.append(1))
        try:
            server_module.threading.stack_size = lambda *size: (sizes.append(size), real(*size))[1]
            server = create_server(app)
            thread = self.run_in_thread(server)
            server.close()
            thread.join(10)
        finally:
            server_module.threading.stack_size = real
        self.assertEqual(sizes[0], (16 * 1024 * 1024,))
        self.assertEqual(threading.stack_size(), before)

    def test_close_before_run_releases_and_run_returns_at_once(self):
        server = create_server(app)
        server.close()
        server.run()
        self.assertEqual(self.native.engines[0].calls, ["stop True", "close"])

    def test_run_twice_at_once_is_an_error(self):
        server = create_server(app)
        thread = self.run_in_thread(server)
        with self.assertRaises(RuntimeError):
            server.run()
        server.close()
        thread.join(10)

    def test_several_servers_in_one_process_and_again_after_the_end(self):
        for _ in range(2):
            servers = [create_server(app) for _ in range(3)]
            threads = [self.run_in_thread(server) for server in servers]
            for server, thread in zip(servers, threads):
                server.close()
                thread.join(10)
                self.assertFalse(thread.is_alive())

    def test_events_reach_the_logger_they_name(self):
        server = create_server(app)
        with self.assertLogs("waitress.queue", logging.WARNING) as logs:
            thread = self.run_in_thread(server)
            self.native.engines[0].tell("waitress.queue", logging.WARNING, "Task queue depth is 3 (100%)")
            server.close()
            thread.join(10)
        self.assertEqual(logs.records[0].getMessage(), "Task queue depth is 3 (100%)")

    def test_stuck_workers_are_named_and_do_not_keep_run(self):
        release = threading.Event()
        self.native.prepare = lambda engine: setattr(engine, "stuck", release)
        # Or the next test may still see them.
        self.addCleanup(lambda: [worker.join(10) for worker in self.native.engines[0].worker_threads])
        self.addCleanup(release.set)
        server = create_server(app)
        old, server_module.JOIN_SECONDS = server_module.JOIN_SECONDS, 0.05
        try:
            with self.assertLogs("waitress", logging.WARNING) as logs:
                thread = self.run_in_thread(server)
                server.close()
                thread.join(10)
        finally:
            server_module.JOIN_SECONDS = old
        self.assertIn("3 thread(s) still running: waitress-0, waitress-1, waitress-2", logs.output[0])
        self.assertEqual(self.native.engines[0].calls[-1], "close")

    def test_start_that_fails_ends_the_workers_and_raises(self):
        def fail():
            raise OSError("no")

        self.native.prepare = lambda engine: setattr(engine, "start", fail)
        server = create_server(app)
        with self.assertRaises(OSError):
            server.run()
        self.assertEqual(self.native.engines[0].calls, ["stop False", "close"])
        self.assertFalse([each for each in threading.enumerate() if each.name.startswith("waitress-")])

    def test_addresses_and_print_listen(self):
        server = create_server(app)
        self.addCleanup(server.close)
        self.assertEqual((server.effective_host, server.effective_port), ("127.0.0.1", "8080"))
        self.assertEqual(server.effective_listen, [("127.0.0.1", "8080"), ("::1", "8080")])
        with self.assertLogs("waitress", logging.INFO) as logs:
            server.print_listen("Serving on http://{}:{}")
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            ["Serving on http://127.0.0.1:8080", "Serving on http://[::1]:8080"],
        )

    def test_app_none_is_refused(self):
        with self.assertRaisesRegex(ValueError, "app is None"):
            waitress.serve(None, _quiet=True)
        self.assertEqual(self.native.configure_calls, [])

    def test_bad_settings_are_all_in_one_message(self):
        self.native.errors = ["port: 'x' is not a number", "unknown setting 'prot'"]
        with self.assertRaises(ValueError) as caught:
            create_server(app, port="x", prot=1)
        self.assertEqual(str(caught.exception), "port: 'x' is not a number\nunknown setting 'prot'")
        self.assertEqual(self.native.engines, [])

    def test_settings_that_need_a_supervisor_want_the_apps_name(self):
        self.native.values = {"supervised": True}
        for serve in (create_server, waitress.serve):
            with self.assertRaisesRegex(ValueError, "module:app"):
                serve(app, worker_class="process")
        self.assertEqual(self.native.engines, [])

    def test_serve_takes_an_app_by_its_name(self):
        self.native.prepare = lambda engine: setattr(engine, "started", Stopper(engine))
        waitress.serve("test_server:app", _quiet=True)
        self.assertIs(self.native.engines[0].app, sys.modules["test_server"].app)

    def test_keywords_reach_the_engine_with_our_environment_variables_only(self):
        old = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(old)))
        for name in [name for name in old if name.startswith("WAITRESS_")]:
            del os.environ[name]
        os.environ.update(PORT="1", WEB_CONCURRENCY="2", WAITRESS_IDENT="me")
        create_server(app, threads=8).close()
        ((line, environ, file, file_name, keywords),) = self.native.configure_calls
        self.assertEqual((line, file, file_name, keywords), ({}, {}, None, {"threads": 8}))
        self.assertEqual(environ, {"WAITRESS_IDENT": "me"})

    def test_warnings_of_the_settings_are_warnings_of_python(self):
        self.native.warnings = ["send_bytes is deprecated", "trusted_proxy trusts everyone"]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            create_server(app).close()
        self.assertEqual([each.category for each in seen], [DeprecationWarning, UserWarning])

    def test_sockets_are_handed_over_as_duplicates_for_the_engine_to_own(self):
        with socket.socket() as one:
            server = create_server(app, sockets=[one])
            self.addCleanup(server.close)
            [handed] = self.native.configure_calls[0][4]["sockets"]
            self.addCleanup(socket.close, handed)
            self.assertNotEqual(handed, one.fileno())
            self.assertTrue(os.path.sameopenfile(handed, one.fileno()))

    def test_sockets_of_the_wrong_kind_are_named_beside_other_faults(self):
        self.native.errors = ["threads: 0 is less than 1"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, socket.socket() as stream:
            with self.assertRaises(ValueError) as caught:
                create_server(app, sockets=[stream, "x", datagram], threads=0)
        self.assertEqual(
            str(caught.exception).split("\n"),
            [
                "sockets: item 1 is a str, not a socket",
                "sockets: item 2 is not an Internet or Unix stream socket",
                "threads: 0 is less than 1",
            ],
        )

    @unittest.skipUnless(hasattr(socket, "AF_UNIX"), "needs Unix sockets")
    def test_sockets_mixed_are_refused(self):
        with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix:
            with self.assertRaisesRegex(ValueError, "mixed"):
                create_server(app, sockets=[inet, unix])

    def test_serve_paste_returns_zero(self):
        self.native.prepare = lambda engine: setattr(engine, "started", Stopper(engine))
        self.assertEqual(waitress.serve_paste(app, {}, _quiet=True), 0)

    def test_serve_logs_addresses_interpreter_and_build(self):
        self.native.prepare = lambda engine: setattr(engine, "started", Stopper(engine))
        with self.assertLogs("waitress", logging.INFO) as logs:
            waitress.serve(app)
        lines = [record.getMessage() for record in logs.records]
        self.assertEqual(lines[0], "Serving on http://127.0.0.1:8080")
        self.assertRegex(lines[2], r"^CPython 3\.\d+\.\d+, 3 threads, engine 0\.0\.0, fake$")

    def test_profile_prints_statistics(self):
        code = """
            import waitress
            waitress.profile("sum(range(10))", {}, {}, (), False)
        """
        self.assertIn("function calls", run_python(code).stdout)

    def test_version_is_the_one_of_the_build(self):
        props = os.path.join(PACKAGE, os.pardir, "Directory.Build.props")
        if not os.path.exists(props):
            self.skipTest("runs outside the repository")
        with open(props, encoding="utf-8") as file:
            self.assertIn(f"<Version>{waitress.__version__}</Version>", file.read())


class Stopper:
    """In place of the `started` event: stops the engine as soon as it accepts."""

    def __init__(self, engine):
        self.engine = engine

    def set(self):
        self.engine.stop(True)


def run_python(code, **kw):
    path = os.pathsep.join([PACKAGE, HERE])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60, **kw,
    )


PRELUDE = """
import fake_native, logging, os, signal, sys, threading, atexit
native = fake_native.install()
import waitress
def app(environ, start_response): pass
"""


@unittest.skipIf(os.name == "nt", "sends POSIX signals")
class SignalTest(unittest.TestCase):
    """Signals need a process of their own; the child sends them to itself when its engine has started."""

    def run_child(self, code):
        return run_python(PRELUDE + textwrap.dedent(code))

    def test_first_signal_stops_gracefully_and_handlers_come_back(self):
        for name in ("SIGTERM", "SIGINT"):
            with self.subTest(name):
                done = self.run_child(f"""
                    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.set_wakeup_fd(-1)
                    class Kill:
                        def set(self): os.kill(os.getpid(), signal.{name})
                    native.prepare = lambda engine: setattr(engine, "started", Kill())
                    waitress.serve(app, _quiet=True)
                    assert native.engines[0].calls == ["start", "stop True", "close"], native.engines[0].calls
                    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.set_wakeup_fd(-1))
                    print("returned")
                """)
                self.assertEqual((done.returncode, done.stdout), (0, "returned\n"), done.stderr)

    def test_signal_while_waiting_wakes_the_loop(self):
        done = self.run_child("""
            import _thread
            def later():
                native.engines[0].tell("waitress", 20, "x")
                signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # lands on this thread, not on the main one
            class Later:
                def set(self): _thread.start_new_thread(later, ())
            native.prepare = lambda engine: setattr(engine, "started", Later())
            waitress.serve(app, _quiet=True)
            print(native.engines[0].calls)
        """)
        self.assertEqual(done.stdout, "['start', 'stop True', 'close']\n", done.stderr)

    def test_second_signal_ends_the_process_by_that_signal(self):
        done = self.run_child("""
            class Kill:
                def set(self):
                    os.kill(os.getpid(), signal.SIGINT)
                    os.kill(os.getpid(), signal.SIGTERM)
            def prepare(engine):
                engine.hold, engine.started = True, Kill()
            native.prepare = prepare
            waitress.serve(app, _quiet=True)
            print("not reached")
        """)
        self.assertEqual((done.returncode, done.stdout), (-signal.SIGTERM, ""), done.stderr)

    def test_handler_of_the_app_stays_and_its_exit_stops_gracefully(self):
        done = self.run_child("""
            def handler(number, frame): raise SystemExit(5)
            signal.signal(signal.SIGTERM, handler)
            class Kill:
                def set(self): threading.Timer(0, os.kill, (os.getpid(), signal.SIGTERM)).start()
            native.prepare = lambda engine: setattr(engine, "started", Kill())
            waitress.serve(app, _quiet=True)
            assert signal.getsignal(signal.SIGTERM) is handler
            print(native.engines[0].calls)
        """)
        self.assertEqual(done.stdout, "['start', 'stop True', 'close']\n", done.stderr)

    def test_handler_of_the_app_may_close_the_server(self):
        done = self.run_child("""
            server = waitress.create_server(app)
            signal.signal(signal.SIGTERM, lambda *_: server.close())
            class Kill:
                def set(self): os.kill(os.getpid(), signal.SIGTERM)
            native.engines[0].started = Kill()
            server.run()
            print(native.engines[0].calls)
        """)
        self.assertEqual(done.stdout, "['start', 'stop True', 'close']\n", done.stderr)

    def test_ignored_signal_stays_ignored(self):
        done = self.run_child("""
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            class Kill:
                def set(self):
                    os.kill(os.getpid(), signal.SIGINT)
                    os.kill(os.getpid(), signal.SIGTERM)
            native.prepare = lambda engine: setattr(engine, "started", Kill())
            waitress.serve(app, _quiet=True)
            print(native.engines[0].calls)
        """)
        self.assertEqual((done.returncode, done.stdout), (0, "['start', 'stop True', 'close']\n"), done.stderr)

    def test_interpreter_exit_stops_a_server_in_a_daemon_thread(self):
        done = self.run_child("""
            atexit.register(lambda: None)
            threading.Thread(target=waitress.serve, args=(app,), kwargs={"_quiet": True}, daemon=True).start()
            while not native.engines: pass
            native.engines[0].started.wait(10)
            engine = native.engines[0]
            real = engine.close
            engine.close = lambda: (real(), print(engine.calls, flush=True))
        """)
        self.assertEqual((done.returncode, done.stdout), (0, "['start', 'stop True', 'close']\n"), done.stderr)

    def test_forked_child_does_not_wait_for_its_parents_server(self):
        done = self.run_child("""
            server = waitress.create_server(app)
            native.engines[0].hold = True
            thread = threading.Thread(target=server.run)
            thread.start()
            native.engines[0].started.wait(10)
            child = os.fork()
            if not child:
                atexit._run_exitfuncs()
                os._exit(7)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(status, native.engines[0].calls)
            native.engines[0].stop(False)
            thread.join()
        """)
        self.assertEqual(done.stdout, "7 ['start']\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
