"""The memory report's largest containers: they are named by where they hang, and said to hold what they do."""
import collections
import functools
import gc
import json
import unittest
from unittest import mock

from memory_objects import Lazy, Rude

from waitress import _memory, _objects, _owners

CACHE = {}  # of texts: the collector does not track such a dict


class Session:
    seen = None

    def __init__(self):
        self.items = None


class Slotted:
    __slots__ = ("items",)


@functools.lru_cache(maxsize=None)
def cached(number):
    return [number]


def large(number=5000):
    return [float(each) for each in range(number)]


def where(report, each):
    found = [row for row in report["largest"] if row["items"] == len(each)]
    return [row["where"] for row in found]


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
        self.assertEqual(where(report, lazy.items), ["memory_objects.Lazy.items"])
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


if __name__ == "__main__":
    unittest.main()
