import asyncio
import unittest

from waitress._app import StartUpError
from waitress._lifespan import Lifespan


class LifespanTest(unittest.IsolatedAsyncioTestCase):
    async def test_start_and_stop_are_told_and_awaited(self):
        seen = []

        async def app(scope, receive, send):
            seen.append((scope["type"], scope["asgi"]["version"], scope["state"]))
            seen.append((await receive())["type"])
            scope["state"]["a"] = 1
            await send({"type": "lifespan.startup.complete"})
            seen.append((await receive())["type"])
            await asyncio.sleep(0)
            await send({"type": "lifespan.shutdown.complete"})
            seen.append("sent")

        lifespan = Lifespan(app, "auto")
        await lifespan.start()
        self.assertEqual(lifespan.state, {"a": 1})
        self.assertFalse(lifespan.task.done())
        await lifespan.stop(10)
        self.assertEqual(seen, [("lifespan", "3.0", {"a": 1}), "lifespan.startup", "lifespan.shutdown", "sent"])
        self.assertTrue(lifespan.task.done())

    async def test_failed_start_up_is_an_error_with_the_apps_message(self):
        for message, expected in (({"message": "no database"}, "The app's start-up failed: no database"), ({}, "The app's start-up failed")):
            async def app(scope, receive, send):
                await receive()
                await send({"type": "lifespan.startup.failed", **message})

            with self.subTest(message), self.assertRaises(StartUpError) as caught:
                await Lifespan(app, "auto").start()
            self.assertEqual(str(caught.exception), expected)
            self.assertEqual(caught.exception.code, 3)

    async def test_app_that_raises_goes_on_without_unless_mode_is_on(self):
        for error in (RuntimeError("unknown"), SystemExit(4), KeyError("x")):
            async def app(scope, receive, send):
                raise error

            with self.subTest(error):
                lifespan = Lifespan(app, "auto")
                await lifespan.start()
                self.assertIsNone(lifespan.task)
                await lifespan.stop(10)
                with self.assertRaises(StartUpError):
                    await Lifespan(app, "on").start()

    async def test_app_that_returns_counts_as_started(self):
        async def app(scope, receive, send):
            return

        lifespan = Lifespan(app, "on")
        await lifespan.start()
        await lifespan.stop(10)

    async def test_mode_off_does_not_call_the_app(self):
        async def app(scope, receive, send):
            raise AssertionError("called")

        lifespan = Lifespan(app, "off")
        await lifespan.start()
        await lifespan.stop(10)
        self.assertIsNone(lifespan.task)

    async def test_wrong_answer_raises_in_the_app(self):
        async def app(scope, receive, send):
            await receive()
            with self.assertRaises(RuntimeError):
                await send({"type": "lifespan.shutdown.complete"})
            with self.assertRaises(RuntimeError):
                await send({"type": "http.response.start"})
            await send({"type": "lifespan.startup.complete"})
            await receive()

        lifespan = Lifespan(app, "on")
        await lifespan.start()
        await lifespan.stop(10)

    async def test_shutdown_that_fails_hangs_or_raises_is_logged_and_over(self):
        async def fails(receive, send):
            await send({"type": "lifespan.shutdown.failed", "message": "no goodbye"})

        async def hangs(receive, send):
            await asyncio.sleep(1000)

        async def raises(receive, send):
            raise RuntimeError("broke")

        for end, expected in ((fails, "no goodbye"), (hangs, "took longer than 0.05 s"), (raises, "Exception in the app's lifespan")):
            async def app(scope, receive, send):
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await end(receive, send)

            with self.subTest(expected), self.assertLogs("waitress", "ERROR") as logs:
                lifespan = Lifespan(app, "auto")
                await lifespan.start()
                await lifespan.stop(0.05)
            self.assertIn(expected, logs.output[0])
            self.assertTrue(lifespan.task.done())

    async def test_exception_while_it_serves_is_logged(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            raise RuntimeError("later")

        lifespan = Lifespan(app, "auto")
        with self.assertLogs("waitress", "ERROR") as logs:
            await lifespan.start()
            await asyncio.wait([lifespan.task])
        self.assertIn("RuntimeError: later", logs.output[0])
        await lifespan.stop(10)


if __name__ == "__main__":
    unittest.main()
