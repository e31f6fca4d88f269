import asyncio
import threading
import types
import unittest

from waitress import _asgi
from waitress._app import AppError, StartUpError


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
        self.open, self.closed, self.drained = True, False, 0

    def drain(self):
        self.drained += 1
        return self.open

    def close(self):
        self.closed = True


class Engine:
    def __init__(self):
        self.inbox, self.tools, self.wake_fd, self.stopped = Inbox(), None, None, []

    def loop(self, app, tools, wake_fd):
        self.tools, self.wake_fd, self.thread = tools, wake_fd, threading.current_thread().name
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


if __name__ == "__main__":
    unittest.main()
