"""The supervisor's side of the metrics, and what only Python tells of itself."""
import gc
import json
import os
import threading
import types
import unittest

import fake_native

fake_native.install()

from waitress import _insight  # noqa: E402

if os.name != "nt":
    from waitress.supervisor._commands import Commands
    from waitress.supervisor._figures import Figures
    from waitress.supervisor._loop import Loop
    from waitress.supervisor._upgrade import Inherited


class FakeWorker:
    def __init__(self, slot, answer):
        self.slot, self.serving, self.answer, self.asked = slot, True, answer, []

    def ask(self, command, reply, seconds, **more):
        self.asked.append((command, more))
        reply(self.answer)


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class FiguresTest(unittest.TestCase):
    def setUp(self):
        self.loop = Loop()
        self.addCleanup(self.loop.close)
        self.events = {}
        self.supervisor = types.SimpleNamespace(
            workers=[], places=[1, 2], state="starting", generation=3, replacing=types.SimpleNamespace(reloading=False),
            observe=lambda event, callback: self.events.setdefault(event, []).append(callback),
        )

    def make(self, inherited=None, admin_listen="127.0.0.1:0", descriptors=()):
        def native(*arguments):
            self.native = fake_native.FakeFigures(*arguments)
            self.native.descriptors = list(descriptors)
            return self.native

        figures = Figures(self.loop, native, 4, admin_listen, inherited or Inherited(), "m:app", ["http://x"])
        self.addCleanup(os.close, figures.fd)
        self.addCleanup(figures.close, True)
        return figures

    def tell(self, event):
        for callback in self.events[event]:
            callback()

    def test_service_is_told_of_as_it_changes(self):
        self.make().follow(self.supervisor)
        self.supervisor.state = "serving"
        self.tell("ready")
        self.supervisor.replacing.reloading = True
        self.tell("reloading")
        self.supervisor.state = "stopping"
        self.tell("stopping")
        told = [each for each in self.native.told if each[0] == "service"]
        self.assertEqual([each[1:] for each in told], [(state, 2, 3) for state in ("starting", "serving", "reloading", "stopping")])
        self.assertIn(("start",), self.native.told)

    def test_activity_is_asked_of_every_worker_and_told_at_once(self):
        self.make().follow(self.supervisor)
        self.supervisor.workers = [FakeWorker(0, '{"a": 1}'), FakeWorker(2, {"error": "no answer within 1.5 s"})]
        self.native.ask(7, "activity", 0, 0)
        self.loop.turn(1)
        ((number, text),) = self.native.answers
        self.assertEqual((number, json.loads(text)), (7, [[0, '{"a": 1}'], [2, None]]))

    def test_activity_without_workers_is_empty(self):
        self.make().follow(self.supervisor)
        self.native.ask(1, "activity", 0, 0)
        self.loop.turn(1)
        self.assertEqual(self.native.answers, [(1, "[]")])

    def test_stack_is_asked_of_its_worker_alone(self):
        self.make().follow(self.supervisor)
        first, second, ill = FakeWorker(0, None), FakeWorker(1, "the stack"), FakeWorker(2, {"error": "no"})
        self.supervisor.workers = [first, second, ill]
        for number, slot in ((1, 1), (2, 0), (3, 9), (4, 2)):
            self.native.ask(number, "stack", slot, 55)
        self.loop.turn(1)
        self.assertEqual(self.native.answers, [(1, "the stack"), (2, None), (3, None)])
        self.assertEqual(second.asked, [("stack", {"request": 55})])

    def test_control_socket_gets_what_the_status_says(self):
        figures, replies = self.make(), []
        figures.follow(self.supervisor)
        importing = FakeWorker(1, "never asked")
        importing.serving = False
        self.supervisor.workers = [FakeWorker(0, '{"a": 1}'), importing, FakeWorker(2, {"error": "no answer within 1.5 s"})]
        Commands(types.SimpleNamespace(figures=figures)).run("figures", {}, replies.append)
        self.assertEqual(replies, [{"reports": [[0, '{"a": 1}'], [2, None]]}])
        self.assertEqual(importing.asked, [])

    def test_control_socket_gets_a_stack(self):
        figures, replies = self.make(), []
        figures.follow(self.supervisor)
        self.supervisor.workers = [FakeWorker(0, None), FakeWorker(1, "the stack"), FakeWorker(2, {"error": "no answer within 1.5 s"})]
        commands = Commands(types.SimpleNamespace(figures=figures))
        for slot in (1, 0, 9, 2):
            commands.run("stack", {"worker": slot, "request": 55}, replies.append)
        self.assertEqual(replies, [{"stack": "the stack"}, {"stack": None}, {"stack": None}, {"error": "no answer within 1.5 s"}])
        for arguments in ({}, {"worker": "x", "request": 1}, {"worker": 1}, {"worker": [], "request": 1}):
            commands.run("stack", arguments, replies.append)
            self.assertTrue(replies[-1]["error"].startswith("stack: "), replies[-1])

    def test_address_is_left_to_a_successor_that_answers_and_taken_back_when_it_ends(self):
        figures = self.make(descriptors=[5])
        figures.follow(self.supervisor)
        with figures.handing_over() as more:
            self.assertEqual((more["admin"], more["admin_listen"]), ([5], "127.0.0.1:0"))
            os.write(more["ready"], b"\1")
        self.loop.turn(1)
        self.assertEqual(self.native.told[-1], ("rest", True))
        self.tell("alone")
        self.assertEqual(self.native.told[-1], ("rest", False))

    def test_address_stays_where_the_successor_never_serves(self):
        figures = self.make(descriptors=[5])
        figures.follow(self.supervisor)
        with figures.handing_over():
            pass
        self.loop.turn(1)
        self.assertNotIn(("rest", True), self.native.told)

    def test_nothing_is_handed_over_where_nothing_is_served(self):
        with self.make(admin_listen=None).handing_over() as more:
            self.assertEqual(more, {})

    def test_successor_answers_when_it_serves_and_says_so(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        taken = os.dup(reading)
        figures = self.make(Inherited([1], 99, [taken], "127.0.0.1:0", writing))
        self.addCleanup(os.close, taken)
        self.assertEqual(self.native.made[2], [taken])
        figures.follow(self.supervisor)
        self.assertEqual([each for each in self.native.told if each[0] in ("rest", "start")], [("rest", True), ("start",)])
        self.tell("ready")
        self.assertEqual(self.native.told[-1], ("rest", False))
        self.assertEqual(os.read(reading, 10), b"\1")

    def test_address_that_was_changed_is_opened_anew(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        taken = os.dup(reading)
        figures = self.make(Inherited([1], 99, [taken], "127.0.0.1:1", writing))
        self.assertEqual(self.native.made[2], [])
        self.assertRaises(OSError, os.fstat, taken)
        figures.follow(self.supervisor)
        self.assertNotIn(("rest", True), self.native.told)


class InsightTest(unittest.TestCase):
    def test_collector_tells_of_each_generation(self):
        figures = _insight.collector()
        self.assertEqual(len(figures), 12)
        before = figures[2]
        gc.collect()
        self.assertEqual(_insight.collector()[2], before + 1)

    def test_stack_of_a_request_is_its_threads_or_none(self):
        gate, inside = threading.Event(), threading.Event()

        def in_the_app():
            inside.set()
            gate.wait()

        thread = threading.Thread(target=in_the_app)
        thread.start()
        inside.wait()
        self.addCleanup(thread.join)
        self.addCleanup(gate.set)
        engine = fake_native.FakeEngine(None, 0, {}, None)
        engine.serving[8] = thread.ident
        self.assertIn("in in_the_app", _insight.stack(engine, 8))
        self.assertIsNone(_insight.stack(engine, 9))
        answers = iter((thread.ident, 0))
        engine.thread_of = lambda request: next(answers)
        self.assertIsNone(_insight.stack(engine, 8))

    def test_stack_of_one_thread_is_not_looked_for_among_interpreters(self):
        engine = fake_native.FakeEngine(None, 0, {}, None)
        engine.interpreters = 2
        engine.serving[8] = threading.get_ident()
        self.assertIn("worker class interpreter", _insight.stack(engine, 8))
        interpreters = types.SimpleNamespace(stacks=lambda: [{"thread": "one", "stack": "  line"}])
        self.assertEqual(_insight.of_interpreters(engine, 8, interpreters), "one:\n  line")
        self.assertIsNone(_insight.of_interpreters(engine, 9, interpreters))


if __name__ == "__main__":
    unittest.main()
