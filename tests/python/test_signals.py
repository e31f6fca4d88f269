import os
import signal
import unittest

from children import run_python

# Sends signals to the process from inside the first "Serving on" line, so from the first moment at which somebody may send one.
AT_THE_LINE = """
from waitress import runner
class Kill(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith("Serving on"):
            logger.removeHandler(self)
            for number in numbers: os.kill(os.getpid(), number)
logger = logging.getLogger("waitress")
logger.setLevel(logging.INFO)
logger.addHandler(Kill())
atexit.register(lambda: print("atexit", *(engine.calls for engine in native.engines)))
"""


def load_tests(loader, tests, pattern):
    """Windows has no such signals: there the file holds no tests."""
    return tests if os.name == "posix" else unittest.TestSuite()


class SignalTest(unittest.TestCase):
    """Signals need a process of their own; the child sends them to itself when its engine has started."""

    def test_first_signal_stops_gracefully_and_handlers_come_back(self):
        for name in ("SIGTERM", "SIGINT"):
            with self.subTest(name):
                done = run_python(f"""
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
        done = run_python("""
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

    def test_signal_at_the_first_serving_line_stops_gracefully(self):
        for serve in ("waitress.serve(app)", "sys.exit(runner.run(['waitress-serve', '__main__:app']))"):
            for name in ("SIGTERM", "SIGINT"):
                with self.subTest(f"{name}: {serve}"):
                    done = run_python(f"numbers = [signal.{name}]\n{AT_THE_LINE}\n{serve}")
                    self.assertEqual((done.returncode, done.stdout), (0, "atexit ['start', 'stop True', 'close']\n"), done.stderr)
                    self.assertIn(f"{name}: finishing the requests in flight", done.stderr)

    def test_two_signals_at_the_first_serving_line_end_the_process(self):
        done = run_python(f"numbers = [signal.SIGINT, signal.SIGTERM]\n{AT_THE_LINE}\nwaitress.serve(app)")
        self.assertEqual((done.returncode, done.stdout), (-signal.SIGTERM, ""), done.stderr)

    def test_second_signal_after_the_program_has_served_ends_it_without_a_traceback(self):
        for name in ("SIGTERM", "SIGINT"):
            with self.subTest(name):
                done = run_python(f"numbers = [signal.{name}]\n{AT_THE_LINE}\n" + f"""
runner.run(["waitress-serve", "__main__:app"])
print("served", flush=True)
os.kill(os.getpid(), signal.{name})
""")
                self.assertEqual((done.returncode, done.stdout), (-getattr(signal, name), "served\n"), done.stderr)
                self.assertNotIn("Traceback", done.stderr)

    def test_second_signal_ends_the_first_process_of_a_container_too(self):
        # There the kernel drops a signal that has no handler, also one that the process sends to itself.
        done = run_python(f"""
numbers = [signal.SIGINT, signal.SIGTERM]
signal.raise_signal = lambda number: None
{AT_THE_LINE}
waitress.serve(app)
""")
        self.assertEqual((done.returncode, done.stdout), (128 + signal.SIGTERM, ""), done.stderr)

    def test_second_signal_ends_the_process_by_that_signal(self):
        done = run_python("""
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
        done = run_python("""
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
        done = run_python("""
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
        done = run_python("""
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
        done = run_python("""
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
        done = run_python("""
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
