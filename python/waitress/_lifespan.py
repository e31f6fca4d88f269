"""The lifespan protocol of ASGI: the app is told of the start before the first request, and of the end after the last.

Runs on the app's event loop. What start-up leaves in ``state`` is handed, as a copy each, to every request.
"""
from __future__ import annotations

import asyncio
import logging

from waitress._app import StartUpError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

logger = logging.getLogger("waitress")


class Lifespan:
    """One app's; ``mode`` is the setting lifespan: auto, on or off."""

    def __init__(self, app: Any, mode: str) -> None:
        self._app, self._mode = app, mode
        self.state: dict[str, Any] = {}
        self._messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._answer: asyncio.Future[str | None] | None = None
        self._phase = "startup"
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The app's task, which lives as long as the service."""
        return self._task

    async def start(self) -> None:
        """StartUpError when the app says that its start-up has failed, or, with mode on, when it does not know the protocol."""
        if self._mode == "off":
            return
        self._answer = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._run())
        await self._messages.put({"type": "lifespan.startup"})
        failure = await self._answer
        if failure is None:
            return
        await self._end()
        if self._error is None:
            raise StartUpError(f"The app's start-up failed{': ' + failure if failure else ''}")
        if self._mode == "on":
            raise StartUpError(f"The app does not take part in the lifespan protocol: {type(self._error).__name__}: {self._error}") from self._error
        # Most apps that don't know it raise at the unknown scope: the specification tells servers to go on without.
        logger.debug("The app does not take part in the lifespan protocol: %r", self._error)
        self._task = None

    async def stop(self, seconds: float) -> None:
        """Tells the app of the end and waits for it, for so long."""
        if self._task is None:
            return
        if not self._task.done():
            self._phase = "shutdown"
            self._answer = asyncio.get_running_loop().create_future()
            await self._messages.put({"type": "lifespan.shutdown"})
            try:
                failure = await asyncio.wait_for(self._answer, seconds)
                if failure is not None:
                    logger.error("The app's shutdown failed%s", ": " + failure if failure else "")
            except asyncio.TimeoutError:
                logger.error("The app's shutdown took longer than %g s", seconds)
        await self._end()

    async def _end(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._messages.get, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # an app's SystemExit as well: it must not end the loop
            waiting = self._answer is not None and not self._answer.done()
            if waiting and self._phase == "startup":
                self._error = error
                self._decide(str(error))
                return
            logger.error("Exception in the app's lifespan", exc_info=error)
        # Returned: nobody is left to answer. At start-up that counts as done, as with an app that ignores the scope.
        self._decide(None)

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind not in (f"lifespan.{self._phase}.complete", f"lifespan.{self._phase}.failed"):
            raise RuntimeError(f"{kind} is not what lifespan.{self._phase} is answered with")
        self._decide(str(message.get("message", "")) if kind.endswith("failed") else None)

    def _decide(self, failure: str | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(failure)
