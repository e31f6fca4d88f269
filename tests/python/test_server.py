import logging
import threading
import unittest

import fake_native

from waitress import server as server_module
from waitress.server import create_server


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


if __name__ == "__main__":
    unittest.main()
