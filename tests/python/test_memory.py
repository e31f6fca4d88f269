"""The memory report: what grows is named, where the large ones hang is told, and nobody's code is run or object kept for it."""
import collections
import functools
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

from waitress import _memory, _memory_text, _objects, _owners
from waitress.server import Server

CACHE = {}  # of texts: the collector does not track such a dict


class Leaked:
    pass


class Session:
    seen = None

    def __init__(self):
        self.items = None


class Slotted:
    __slots__ = ("items",)


class Rude:
    """Its methods are the app's code: a report that ran them could change or break it."""

    def __sizeof__(self):
        raise AssertionError("called")

    def __getattribute__(self, name):
        raise AssertionError("called")

    def __len__(self):
        raise AssertionError("called")

    def __eq__(self, other):
        raise AssertionError("called")

    __hash__ = None


class Lazy:
    """As Django's lazy objects, which load what they stand for when somebody asks what they are."""

    @property
    def __class__(self):
        raise AssertionError("called")

    def __str__(self):
        raise AssertionError("called")


@functools.lru_cache(maxsize=None)
def cached(number):
    return [number]


def large(number=5000):
    return [float(each) for each in range(number)]


def row(report, name):
    (found,) = [each for each in report["types"] if each["type"] == name]
    return found


def where(report, each):
    found = [row for row in report["largest"] if row["items"] == len(each)]
    return [row["where"] for row in found]


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


class LargestTest(unittest.TestCase):
    def found(self, each):
        return where(_memory.Reports().make(limit=0), each)

    def test_names_of_modules_classes_and_instances(self):
        session, slotted = Session(), Slotted()
        Session.seen = large(5001)
        self.addCleanup(setattr, Session, "seen", None)
        session.items, slotted.items = large(5002), large(5003)
        globals()["NAMED"] = large(5004)
        self.addCleanup(globals().pop, "NAMED")
        report = _memory.Reports().make(limit=0)
        self.assertEqual(where(report, Session.seen), [f"{__name__}.Session.seen"])
        self.assertEqual(where(report, session.items), [f"{__name__}.Session.items"])
        self.assertEqual(where(report, slotted.items), [f"{__name__}.Slotted.items"])
        self.assertEqual(where(report, NAMED), [f"{__name__}.NAMED"])  # noqa: F821

    def test_untracked_dict_is_found_and_its_contents_estimated(self):
        CACHE.update((str(number), b"x" * 100) for number in range(4000))
        self.addCleanup(CACHE.clear)
        gc.collect()  # which is when the collector drops it, before 3.14
        report = _memory.Reports().make(limit=0)
        (found,) = [row for row in report["largest"] if row["where"] == f"{__name__}.CACHE"]
        self.assertEqual((found["items"], found["holds"]), (4000, "bytes"))
        self.assertAlmostEqual(found["holds_bytes"], 4000 * 133, delta=4000)

    def test_what_grew_comes_before_what_is_large(self):
        globals()["NAMED"] = large(300_000)
        globals()["GROWS"] = {}
        self.addCleanup(globals().pop, "NAMED")
        self.addCleanup(globals().pop, "GROWS")
        GROWS.update((number, Session()) for number in range(100))  # noqa: F821
        reports = _memory.Reports()
        self.assertEqual(reports.make(limit=0)["largest"][0]["where"], f"{__name__}.NAMED")
        GROWS.update((number, Session()) for number in range(100, 200))  # noqa: F821
        first = reports.make(limit=0)["largest"][0]
        self.assertEqual((first["where"], first["growth"], first["holds"]), (f"{__name__}.GROWS", 100, f"{__name__}.Session"))

    def test_blocks_do_not_hide_containers_and_contents_count_what_goes_with_them(self):
        globals()["NAMED"] = [[b"x" * 20_000 + str(number).encode()] for number in range(300)]
        self.addCleanup(globals().pop, "NAMED")
        report = _memory.Reports().make(limit=0)
        (found,) = [row for row in report["largest"] if row["where"] == f"{__name__}.NAMED"]
        self.assertAlmostEqual(found["holds_bytes"], 300 * 20_100, delta=300 * 60)
        self.assertEqual(len([row for row in report["largest"] if row["type"] == "bytes"]), _objects.BLOCKS)

    def test_items_of_records_have_their_key_and_those_of_tables_not(self):
        globals()["STATE"] = {"pending": {"inner": large(5005)}, 1: collections.deque(large(5006))}
        globals()["TABLE"] = {f"secret-{number}": [] for number in range(200)} | {"secret": large(5007)}
        self.addCleanup(globals().pop, "STATE")
        self.addCleanup(globals().pop, "TABLE")
        report = _memory.Reports().make(limit=0)
        self.assertEqual(where(report, STATE["pending"]["inner"]), [f"{__name__}.STATE['pending']['inner']"])  # noqa: F821
        self.assertEqual(where(report, STATE[1]), [f"{__name__}.STATE[...]"])  # noqa: F821
        self.assertEqual(where(report, TABLE["secret"]), [f"{__name__}.TABLE[...]"])  # noqa: F821
        self.assertNotIn("secret", json.dumps(report["largest"]))

    def test_neither_keys_nor_holders_are_asked_what_they_are(self):
        lazy = Lazy()
        lazy.items = large(5012)
        globals()["STATE"] = {Lazy(): large(5013)}
        self.addCleanup(globals().pop, "STATE")
        report = _memory.Reports().make(limit=0)
        self.assertEqual(where(report, lazy.items), [f"{__name__}.Lazy.items"])
        self.assertEqual(where(report, next(iter(STATE.values()))), [f"{__name__}.STATE[...]"])  # noqa: F821

    def test_functions_caches_and_generators(self):
        def with_default(items=large(5008)):  # noqa: B008
            return items

        inside = large(5009)

        def closed_over():
            return inside

        def generator():
            items = large(5010)
            yield items

        running = generator()
        local = next(running)
        for number in range(5000):
            cached(number)
        self.addCleanup(cached.cache_clear)
        report = _memory.Reports().make(limit=0)
        self.assertIn("with_default: [0]", where(report, with_default())[0])
        self.assertIn("closed_over: [0]", where(report, closed_over())[0])
        self.assertIn("generator: ", where(report, local)[0])
        self.assertIn(f"the cache of {__name__}.cached", [row["where"] for row in report["largest"]])

    def test_growth_of_a_container_is_told(self):
        globals()["NAMED"] = large(5000)
        self.addCleanup(globals().pop, "NAMED")
        reports = _memory.Reports()
        reports.make(limit=0)
        NAMED.extend(large(50_000))  # noqa: F821
        (found,) = [row for row in reports.make(limit=0)["largest"] if row["where"] == f"{__name__}.NAMED"]
        self.assertEqual(found["growth"], 50_000)

    def test_names_without_time_are_none(self):
        with mock.patch.object(_owners, "SECONDS", -1.0):
            self.assertEqual(self.found(large(5011)), [None] * len(self.found(large(5011))))

    def test_contents_of_what_changes_or_is_no_container(self):
        self.assertIsNone(_objects.contents(Rude))
        self.assertIsNone(_objects.contents([]))
        self.assertEqual(_objects.contents({1: "a", 2: b"b"})[0].endswith(" and others"), True)
        self.assertEqual(_objects.contents({"a", "b"})[0], "str")


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
