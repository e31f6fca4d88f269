import asyncio
import os
import threading
import types
import unittest

from waitress import _asgi, _event_loops
from waitress._app import AppError, LoopError, StartUpError


async def innermost(future):
    await future


@types.coroutine
def generator(future):
    yield from innermost(future)


async def outermost(future):
    await generator(future)


class StackTest(unittest.IsolatedAsyncioTestCase):
    async def test_stack_goes_down_to_where_the_task_waits(self):
        future = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(outermost(future))
        await asyncio.sleep(0)
        stack = _asgi.stack_of(task)
        self.assertLess(stack.index("in outermost"), stack.index("in innermost"))
        future.set_result(None)
        await task
        self.assertEqual(_asgi.stack_of(task), "")

    async def test_wake_leaves_a_future_that_is_done(self):
        future = asyncio.get_running_loop().create_future()
        _asgi.wake(future)
        _asgi.wake(future)
        self.assertTrue(future.done())
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        _asgi.wake(cancelled)


class Inbox:
    """The engine's half: drain() says whether more will come."""

    def __init__(self):
        self.open, self.closed, self.drained, self.polled, self.sockets = True, False, 0, 0, -1

    def drain(self):
        self.drained += 1
        return self.open

    def descriptor(self):
        return self.sockets

    def poll(self):
        self.polled += 1
        os.read(self.sockets, 1)
        return self.open

    def unanswered(self):
        return 0

    def close(self):
        self.closed = True


class Engine:
    def __init__(self):
        self.inbox, self.tools, self.wake_fd, self.stopped = Inbox(), None, None, []

    def loop(self, app, tools, wake_fd, is_only):
        self.tools, self.wake_fd, self.is_only, self.thread = tools, wake_fd, is_only, threading.current_thread().name
        return self.inbox

    def stop(self, graceful):
        self.stopped.append(graceful)

    def end(self):
        import os

        self.inbox.open = False
        os.write(self.wake_fd, b"x")


def lifespan_app(seen, failed=False):
    async def app(scope, receive, send):
        await receive()
        scope["state"]["x"] = 1
        await send({"type": "lifespan.startup.failed", "message": "no"} if failed else {"type": "lifespan.startup.complete"})
        await receive()
        seen.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    return app


class EventLoopTest(unittest.TestCase):
    def start(self, app, **values):
        engine = Engine()
        loop = _asgi.EventLoop(engine, app, {"loop": "asyncio", "graceful_timeout": 5, **values})
        loop.start()
        return engine, loop

    def test_loop_has_its_thread_from_start_to_join(self):
        seen = []
        engine, loop = self.start(lifespan_app(seen))
        self.assertEqual((engine.thread, loop.name), ("waitress-loop", "asyncio"))
        self.assertEqual(engine.tools.state, {"x": 1})
        self.assertEqual(seen, [])
        engine.end()
        self.assertEqual(loop.join(10), [])
        self.assertEqual((seen, engine.inbox.closed, engine.stopped), (["shutdown"], True, []))

    def test_loop_polls_its_own_sockets_when_they_have_something(self):
        reading, writing = os.pipe()
        engine = Engine()
        engine.inbox.sockets = reading
        loop = _asgi.EventLoop(engine, lifespan_app([]), {"loop": "asyncio", "graceful_timeout": 5}, is_only=True)
        loop.start()
        self.assertEqual((engine.is_only, engine.inbox.polled), (True, 0))
        engine.inbox.open = False  # so that its first poll() is its end
        os.write(writing, b"x")
        self.assertEqual(loop.join(10), [])
        self.assertEqual((engine.inbox.polled, engine.inbox.drained, engine.inbox.closed), (1, 0, True))
        os.close(reading)
        os.close(writing)

    def test_state_is_none_without_lifespan(self):
        engine, loop = self.start(lifespan_app([]), lifespan="off")
        self.assertIsNone(engine.tools.state)
        engine.end()
        self.assertEqual(loop.join(10), [])

    def test_failed_start_up_raises_where_it_was_started(self):
        with self.assertRaises(StartUpError):
            self.start(lifespan_app([], failed=True))

    def test_loop_that_is_not_installed_is_an_app_error(self):
        kept = dict(_asgi.sys.modules)
        _asgi.sys.modules.update({"uvloop": None, "winloop": None})
        try:
            with self.assertRaises(AppError):
                self.start(lifespan_app([]), loop="uvloop")
            engine, loop = self.start(lifespan_app([]), loop="auto")
            self.assertEqual(loop.name, "asyncio")
            engine.end()
            loop.join(10)
        finally:
            for name in ("uvloop", "winloop"):
                del _asgi.sys.modules[name]
                if name in kept:
                    _asgi.sys.modules[name] = kept[name]

    def test_tasks_are_finished_or_cancelled_before_the_shutdown(self):
        seen = []

        async def short():
            await asyncio.sleep(0.05)
            seen.append("finished")

        async def long():
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        async def app(scope, receive, send):
            tasks = types.SimpleNamespace(all=[asyncio.ensure_future(short()), asyncio.ensure_future(long())])
            await lifespan_app(seen)(scope, receive, send)
            del tasks

        with self.assertLogs("waitress", "WARNING") as logs:
            engine, loop = self.start(app, graceful_timeout=0.3)
            engine.end()
            self.assertEqual(loop.join(10), [])
        self.assertEqual(seen, ["finished", "cancelled", "shutdown"])
        self.assertIn("1 task(s) of the app still ran", logs.output[0])

    def test_join_before_the_start_is_nothing(self):
        self.assertEqual(_asgi.EventLoop(Engine(), None, {}).join(1), [])

    def test_loop_that_is_refused_is_noted_and_asyncios_own_taken(self):
        class Refusing:
            def find_spec(self, name, path=None, target=None):
                if name == "uvloop":
                    raise ImportError("module uvloop.loop does not support loading in subinterpreters")

        kept, finder = _asgi.sys.modules.pop("uvloop", None), Refusing()
        _asgi.sys.meta_path.insert(0, finder)
        try:
            loop, note = _asgi.new_loop("auto")
            loop.close()
            self.assertEqual(
                note,
                "uvloop is installed and can not be used here (module uvloop.loop does not support loading in subinterpreters): the event loop is asyncio's own",
            )
            with self.assertRaisesRegex(LoopError, r"^loop uvloop: uvloop can not be used here \(module uvloop.loop does not"):
                _asgi.new_loop("uvloop")
        finally:
            _asgi.sys.meta_path.remove(finder)
            if kept is not None:
                _asgi.sys.modules["uvloop"] = kept


class ManyEngine:
    """An engine that gives each loop an inbox of its own."""

    def __init__(self):
        self.engines = []

    def loop(self, app, tools, wake_fd, is_only):
        self.engines.append(Engine())
        return self.engines[-1].loop(app, tools, wake_fd, is_only)


class EventLoopsTest(unittest.TestCase):
    def test_each_loop_has_its_thread_and_its_lifespan(self):
        seen, engine = [], ManyEngine()
        loops = _event_loops.EventLoops(engine, lifespan_app(seen), {"loop": "asyncio", "graceful_timeout": 5}, 3)
        loops.start()
        self.assertEqual(loops.describe(), "3 event loops (asyncio)")
        self.assertEqual([each.thread for each in engine.engines], ["waitress-loop-0", "waitress-loop-1", "waitress-loop-2"])
        states = [each.tools.state for each in engine.engines]
        self.assertEqual((states, len({id(state) for state in states})), ([{"x": 1}] * 3, 3))
        self.assertEqual(len(loops.tasks()), 6)  # each loop's main task, and its lifespan's
        for each in engine.engines:
            each.end()
        self.assertEqual((loops.join(10), seen), ([], ["shutdown"] * 3))

    def test_start_up_that_fails_in_one_ends_the_others(self):
        seen, engine, started = [], ManyEngine(), []

        async def app(scope, receive, send):
            started.append(threading.current_thread().name)
            await lifespan_app(seen, failed=len(started) == 2)(scope, receive, send)

        loops = _event_loops.EventLoops(engine, app, {"loop": "asyncio", "graceful_timeout": 5}, 3)
        with self.assertRaises(StartUpError):
            loops.start()
        self.assertEqual((started, seen), (["waitress-loop-0", "waitress-loop-1"], ["shutdown"]))
        self.assertFalse([thread.name for thread in threading.enumerate() if thread.name.startswith("waitress-loop")])
        self.assertTrue(engine.engines[0].inbox.closed)

    def test_workers_are_loops_on_a_free_threaded_python_alone(self):
        parallel, values = _event_loops.is_parallel, {"worker_class": "thread", "workers": 2, "workers_stated": True}
        try:
            _event_loops.is_parallel = lambda: True
            self.assertEqual(len(_event_loops.loops(None, None, values, own=True)._loops), 2)
            self.assertEqual(len(_event_loops.loops(None, None, values, own=False)._loops), 1)
            self.assertEqual(len(_event_loops.loops(None, None, {**values, "worker_class": "process"}, own=True)._loops), 1)
            self.assertEqual(len(_event_loops.loops(None, None, {**values, "workers_stated": False}, own=True)._loops), 1)
            _event_loops.is_parallel = lambda: False
            with self.assertLogs("waitress", "WARNING") as logs:
                self.assertEqual(len(_event_loops.loops(None, None, values, own=True)._loops), 1)
            self.assertIn("has one event loop here", logs.output[0])
        finally:
            _event_loops.is_parallel = parallel


if __name__ == "__main__":
    unittest.main()
