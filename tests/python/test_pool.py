import logging
import sys
import threading
import time
import unittest

import fake_native

import waitress
from waitress import _pool
from waitress._timeout import RequestTimeout, stack_of
from waitress.server import create_server


def app(environ, start_response):
    raise AssertionError("no request reaches the app here")


def until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


class PoolTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()
        self.server = create_server(app)
        self.engine = self.native.engines[0]
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.assertTrue(self.engine.started.wait(10))
        self.addCleanup(self.end)

    def end(self):
        self.server.close()
        self.thread.join(10)
        self.assertFalse(self.thread.is_alive())

    def test_grow_starts_threads_with_names_of_their_own(self):
        self.engine.order("grow", 2)
        self.assertTrue(until(lambda: len(self.engine.worker_threads) == 5))
        self.assertEqual([thread.name for thread in self.engine.worker_threads], [f"waitress-{number}" for number in range(5)])
        self.assertTrue(all(thread.daemon for thread in self.engine.worker_threads))

    def test_system_that_refuses_a_thread_is_told_and_the_server_goes_on(self):
        def refuse(*args, **kw):
            raise RuntimeError("can't start new thread")

        real = _pool.threading.Thread
        try:
            with self.assertLogs("waitress", logging.ERROR) as logs:
                _pool.threading.Thread = refuse
                self.engine.order("grow", 3)
                self.assertTrue(until(lambda: logs.output))
        finally:
            _pool.threading.Thread = real
        self.assertIn("Could not start 3 more thread(s): can't start new thread", logs.output[0])
        self.engine.order("grow", 1)
        self.assertTrue(until(lambda: len(self.engine.worker_threads) == 4))

    def test_timeout_logs_the_stack_of_the_thread_and_raises_in_it(self):
        with self.assertLogs("waitress", logging.ERROR) as logs:
            self.engine.order("timeout", self.engine.worker_threads[0].ident, 7, 2.5, "GET /slow")
            self.assertTrue(until(lambda: logs.output))
        self.assertEqual(self.engine.interrupts, [(7, RequestTimeout)])
        self.assertIn("GET /slow took longer than request_timeout (2.5 s); the stack of its thread", logs.output[0])
        self.assertIn("self.stopped.wait()", logs.output[0])

    def test_timeout_of_a_request_that_has_ended_shows_no_stack(self):
        self.engine.over = False
        with self.assertLogs("waitress", logging.ERROR) as logs:
            self.engine.order("timeout", self.engine.worker_threads[0].ident, 8, 2.5, "GET /slow")
            self.assertTrue(until(lambda: logs.output))
        self.assertEqual(logs.records[0].getMessage(), "GET /slow took longer than request_timeout (2.5 s); it has ended just now")

    def test_collector_and_stacks_are_told_when_the_engine_asks(self):
        self.engine.serving[5] = self.engine.worker_threads[0].ident
        self.engine.order("collector")
        self.engine.order("stack", 1, 5)
        self.engine.order("stack", 2, 6)
        self.assertTrue(until(lambda: len(self.engine.answers) == 2))
        self.assertEqual(len(self.engine.collected), 12)
        self.assertIn("in work", self.engine.answers[0][1])
        self.assertEqual((self.engine.answers[0][0], self.engine.answers[1]), (1, (2, None)))

    def test_recycle_reaches_whoever_asked_for_it_and_may_fail(self):
        self.engine.order("recycle", "stuck")  # nobody asked
        self.assertTrue(until(lambda: not self.engine.orders))
        told = threading.Event()
        reasons = []
        stderr, sys.stderr = sys.stderr, open("/dev/null", "w") if sys.platform != "win32" else sys.stderr

        def recycle(reason):
            reasons.append(reason)
            told.set()
            raise ValueError("a bug of the receiver")

        try:
            self.server._told_to_recycle = self.server._pool._recycle = recycle
            self.engine.order("recycle", "stuck")
            self.assertTrue(told.wait(10))
            self.engine.order("grow", 1)
            self.assertTrue(until(lambda: len(self.engine.worker_threads) == 4))
        finally:
            if sys.stderr is not stderr:
                sys.stderr.close()
                sys.stderr = stderr
        self.assertEqual(reasons, ["stuck"])


class TimeoutTest(unittest.TestCase):
    def test_exception_is_public_and_not_swallowed_by_except_exception(self):
        self.assertIs(waitress.RequestTimeout, RequestTimeout)
        self.assertFalse(issubclass(RequestTimeout, Exception))
        self.assertEqual(f"{RequestTimeout.__module__}.{RequestTimeout.__qualname__}", "waitress.RequestTimeout")

    def test_stack_of_a_thread_ends_with_its_innermost_call(self):
        stack = stack_of(threading.get_ident())
        self.assertEqual(stack[-1].name, "stack_of")
        self.assertEqual(stack[-2].name, self._testMethodName)

    def test_stack_of_no_thread_is_none(self):
        self.assertIsNone(stack_of(1))
