"""waitress._interpreter with a stand-in for the engine's half, in this interpreter."""
import importlib.machinery
import logging
import os
import sys
import tempfile
import threading
import types
import unittest

from waitress import _interpreter

LOADER = importlib.machinery.ExtensionFileLoader


class Inbox:
    def __init__(self):
        self.open, self.closed = True, False

    def drain(self):
        return self.open

    def unanswered(self):
        return 0

    def close(self):
        self.closed = True


class Worker:
    """What the engine gives: records what was told, and hands over orders."""

    name, app, call, logging = "waitress-interpreter-0", "an_app_of_the_test:app", False, {}

    def __init__(self, in_force=None, **values):
        self.values = {"interface": "auto", "loop": "asyncio", "lifespan": "auto", "graceful_timeout": 5.0, **values}
        self.in_force, self.told, self.orders, self.questions, self.answers = in_force, [], [], [], []
        self.woken, self.served, self.leaves, self.inbox, self.wake_fd = threading.Event(), threading.Event(), False, None, -1

    def admit(self, name, path):
        pass

    def decide(self, interface):
        return self.in_force or interface

    def failed(self, problem, start_up):
        self.told.append(("failed", problem, start_up))

    def serving(self, loop, note):
        self.told.append(("serving", loop, note))
        self.served.set()

    def loop(self, app, tools, wake_fd):
        self.inbox, self.wake_fd = Inbox(), wake_fd
        return self.inbox

    def retire(self):
        self.told.append(("retire",))
        self.inbox.open = False
        os.write(self.wake_fd, b"\0")

    def wait(self, patiently):
        self.woken.wait(None if patiently else 0.05)
        self.woken.clear()

    def requests(self):
        taken, self.orders = self.orders, []
        return taken

    def collector(self, figures):
        self.told.append(("collector", len(figures)))

    def frames(self):
        return list(sys._current_frames().values())

    def frame_of_loop(self):
        return sys._getframe()

    def recycle(self, reason):
        self.told.append(("recycle", reason))

    def asked(self):
        return self.questions.pop() if self.questions else None

    def answer(self, text):
        self.answers.append(text)

    def leaving(self):
        return self.leaves

    def ended(self):
        return False

    def alone(self):
        return True


class InterpreterTest(unittest.TestCase):
    def setUp(self):
        self.seen = []
        module = types.ModuleType("an_app_of_the_test")

        async def app(scope, receive, send):
            await receive()
            if module.refuses:
                await send({"type": "lifespan.startup.failed", "message": "no database"})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.seen.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})

        module.app, module.refuses = app, False
        sys.modules[module.__name__] = self.module = module
        self.addCleanup(sys.modules.pop, module.__name__)
        for name in ("create_module", "exec_module"):
            self.addCleanup(setattr, LOADER, name, getattr(LOADER, name))

    def test_asgi_app_has_its_loop_until_it_is_told_to_leave(self):
        worker = Worker()
        thread = threading.Thread(target=_interpreter.serve, args=(worker,))
        thread.start()
        self.assertTrue(worker.served.wait(30))
        names = [each.name for each in threading.enumerate()]
        self.assertIn("waitress-interpreter-0-loop", names)
        worker.orders = [("collector",), ("stall", 1, 2.5)]
        worker.questions = ["stacks"]
        with self.assertLogs("waitress", "ERROR") as logs:
            worker.woken.set()
            while not worker.answers:
                thread.join(0.01)
        self.assertIn("has not turned for 2.5 s", logs.output[0])
        self.assertIn("in frame_of_loop", logs.output[0])
        self.assertIn("Thread waitress-interpreter-0-loop:\n", worker.answers[0])
        self.assertIn("in serve\n", worker.answers[0])  # where this interpreter's main thread is
        self.assertIn("Task ", worker.answers[0])
        worker.leaves = True
        worker.woken.set()
        thread.join(30)
        self.assertFalse(thread.is_alive())
        self.assertEqual(worker.told, [("serving", "asyncio", ""), ("collector", 12), ("retire",)])
        self.assertEqual((self.seen, worker.inbox.closed), (["shutdown"], True))

    def test_log_files_are_opened_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            handler = logging.FileHandler(os.path.join(folder, "log"))
            self.addCleanup(handler.close)
            logger = logging.getLogger("an_app_of_the_test")
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
            os.rename(handler.baseFilename, os.path.join(folder, "log.1"))
            worker = Worker()
            worker.questions = ["reopen"]
            _interpreter._answer(worker, types.SimpleNamespace(tasks=list), {})
            self.assertGreaterEqual(int(worker.answers[0]), 1)
            self.assertEqual(sorted(os.listdir(folder)), ["log", "log.1"])
            handler.close()

    def test_start_up_that_fails_is_told_apart(self):
        worker, self.module.refuses = Worker(), True
        _interpreter.serve(worker)
        self.assertEqual(worker.told, [("failed", "The app's start-up failed: no database", True)])

    def test_app_that_has_become_another_kind_is_refused(self):
        worker = Worker(in_force="wsgi")
        _interpreter.serve(worker)
        self.assertEqual(
            worker.told, [("failed", "The app 'an_app_of_the_test:app' is now served by ASGI and was not at the start: restart the server", False)]
        )

    def test_loop_that_can_not_be_had_is_no_fault_of_the_app(self):
        kept = sys.modules.get("uvloop")
        sys.modules["uvloop"] = None
        try:
            worker = Worker(loop="uvloop")
            _interpreter.serve(worker)
        finally:
            del sys.modules["uvloop"]
            if kept is not None:
                sys.modules["uvloop"] = kept
        self.assertEqual([(kind, start_up) for kind, _, start_up in worker.told], [("failed", False)])
        self.assertTrue(worker.told[0][1].startswith("loop uvloop: uvloop is not installed ("), worker.told)


if __name__ == "__main__":
    unittest.main()
