"""The memory report: what grows is named, where the large ones hang is told, and nobody's code is run or object kept for it."""
import gc
import io
import json
import logging
import threading
import tracemalloc
import unittest
import weakref
from unittest import mock

import fake_native
from children import run_python
from memory_objects import Rude

from waitress import _memory, _memory_text, _objects
from waitress.server import Server

class Leaked:
    pass


def row(report, name):
    (found,) = [each for each in report["types"] if each["type"] == name]
    return found


class GrowthTest(unittest.TestCase):
    def test_first_report_has_counts_and_no_growth(self):
        kept = [Leaked() for _ in range(1000)]
        report = _memory.Reports().make(limit=0)
        self.assertIsNone(report["since"])
        self.assertTrue(all(row["growth"] is None for row in report["types"]))
        reports = _memory.Reports()
        reports.make(limit=0)
        self.assertEqual(reports._counts[f"{__name__}.Leaked"], len(kept))

    def test_type_that_grows_comes_first_with_both_growths(self):
        reports = _memory.Reports()
        kept = [Leaked() for _ in range(3000)]
        reports.make(limit=0)
        for turn in (1, 2):
            kept += [Leaked() for _ in range(5000)]
            report = reports.make(limit=0)
            self.assertEqual(row(report, f"{__name__}.Leaked"), report["types"][0] | {"type": f"{__name__}.Leaked"})
            found = report["types"][0]
            self.assertEqual((found["count"], found["growth"], found["growth_first"]), (len(kept), 5000, 5000 * turn))
            self.assertGreaterEqual(found["bytes"], 16 * len(kept))
        del kept[:]
        self.assertEqual(reports.make(limit=0)["python"]["uncollectable"], len(gc.garbage))

    def test_readers_have_growths_of_their_own(self):
        one, other = _memory.Reports(), _memory.Reports()
        one.make(), other.make()
        kept = [Leaked() for _ in range(4000)]
        self.assertEqual(row(one.make(limit=0), f"{__name__}.Leaked")["growth"], 4000)
        self.assertEqual(row(other.make(limit=0), f"{__name__}.Leaked")["growth"], len(kept))

    def test_limit_samples_and_scales(self):
        kept = [Leaked() for _ in range(20_000)]
        report = _memory.Reports().make(limit=10_000)
        self.assertLessEqual(report["python"]["looked_at"], 10_000)
        self.assertGreater(report["python"]["objects"], len(kept))
        reports = _memory.Reports()
        reports.make(limit=10_000)
        self.assertAlmostEqual(reports._counts[f"{__name__}.Leaked"], len(kept), delta=len(kept) // 5)
        self.assertIn("from a look at", "\n".join(_memory_text.whole(report)))

    def test_objects_of_others_are_let_go(self):
        class Cycle:
            pass

        each = Cycle()
        gone = weakref.ref(each)
        reports = _memory.Reports()
        reports.make()
        del each
        self.assertIsNone(gone())

    def test_code_of_the_app_is_not_run(self):
        rude = [Rude() for _ in range(3000)]
        holder = {index: each for index, each in enumerate(rude)}
        report = _memory.Reports().make(limit=0)
        self.assertGreater(report["python"]["objects"], len(holder))

    def test_modules_in_c_are_not_asked_what_they_hold(self):
        # CPython 3.12 gave up all memory: see _objects.referents.
        done = run_python("""
            import asyncio
            from waitress import _memory
            try:
                import resource
                resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            except ImportError:
                pass  # Windows

            async def wait():
                future = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(future.set_result, None)
                await future

            asyncio.run(wait())
            for _ in range(2):
                _memory.Reports().make()
            asyncio.run(wait())
            print("done")
        """)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)

    def test_stop_breaks_it_off(self):
        kept = [[] for _ in range(20_000)]
        stopped = threading.Event()
        stopped.set()
        self.assertEqual(_objects.Objects(0, stopped.is_set).tallies, {}, len(kept))


class TracemallocTest(unittest.TestCase):
    def test_lines_come_when_it_is_on_and_with_growth(self):
        reports = _memory.Reports()
        self.assertIsNone(reports.make()["tracemalloc"])
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        reports.make()
        kept = [b"y" * (1000 + number % 7) for number in range(3000)]
        traced = reports.make()["tracemalloc"]
        line = traced["lines"][0]
        self.assertTrue(line["where"].startswith(__file__), line)
        self.assertGreaterEqual(line["growth"], 1000 * len(kept))
        self.assertFalse([each for each in traced["lines"] if "waitress/_objects.py" in each["where"] or "waitress/_memory.py" in each["where"]])


class TextTest(unittest.TestCase):
    def test_text_has_every_part(self):
        engine = fake_native.install().open(None, 0, {}, None)
        reports = _memory.Reports(engine, lambda: [{"name": "waitress-interpreter-0", "error": "no answer"}])
        reports.make()
        kept = [Leaked() for _ in range(12_345)]
        report = json.loads(json.dumps(reports.make(limit=0)))
        text = "\n".join(_memory_text.whole(report))
        self.assertIn(f"{__name__}.Leaked  ", text)
        self.assertIn("+12,345", text)
        self.assertIn(".NET: 3.0 MiB of objects in 8.0 MiB; collections 3/2/1", text)
        self.assertIn("resident", text)
        self.assertIn("  Interpreter waitress-interpreter-0", text)
        self.assertLess(len(_memory_text.short(report)), 40, len(kept))

    def test_sizes(self):
        self.assertEqual([_memory_text.size(each) for each in (None, 0, 1023, 2048, 3 << 20, 5 << 30, -2048)], ["?", "0 B", "1023 B", "2.0 KiB", "3.0 MiB", "5.0 GiB", "-2.0 KiB"])


class PeriodicTest(unittest.TestCase):
    def setUp(self):
        self.native = fake_native.install()
        self.lines = io.StringIO()
        handler = logging.StreamHandler(self.lines)
        logger = logging.getLogger("waitress.memory")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        self.addCleanup(logger.removeHandler, handler)
        self.addCleanup(setattr, logger, "propagate", True)
        self.addCleanup(logger.setLevel, logging.NOTSET)

    def test_reports_are_logged_until_it_is_closed(self):
        made = threading.Semaphore(0)
        reports = mock.Mock()
        reports.make.side_effect = lambda stopped: made.release() or _memory.Reports().make(stopped=stopped)
        periodic = _memory.Periodic(0.01, reports)
        for _ in range(2):
            self.assertTrue(made.acquire(timeout=30))
        periodic.close()
        self.assertFalse(periodic._thread.is_alive())
        self.assertIn("Memory: ", self.lines.getvalue())

    def test_failure_of_one_does_not_end_the_next(self):
        made = threading.Semaphore(0)
        reports = mock.Mock()
        reports.make.side_effect = lambda stopped: made.release() or 1 / 0
        periodic = _memory.Periodic(0.01, reports)
        for _ in range(3):
            self.assertTrue(made.acquire(timeout=30))
        periodic.close()
        self.assertIn("The memory report failed", self.lines.getvalue())

    def test_server_reports_while_it_runs(self):
        def app(environ, start_response):
            raise AssertionError("no request reaches the app here")

        self.native.values = {"memory_report": 0.01}
        server = Server(app, self.native.configure({}, {}, {}, None, {}))
        made = threading.Semaphore(0)
        with mock.patch.object(_memory.Reports, "make", lambda self, **more: made.release() or {} ):
            thread = threading.Thread(target=server.run)
            thread.start()
            try:
                self.assertTrue(made.acquire(timeout=30))
            finally:
                server.close()
                thread.join(30)
        self.assertFalse(thread.is_alive())
        self.assertNotIn("waitress-memory", [each.name for each in threading.enumerate()])


if __name__ == "__main__":
    unittest.main()
