"""An app whose lifespan does what ASGI_LIFESPAN says: complete, failed, raise, return, late-raise, shutdown-failed, shutdown-hang."""
import asyncio
import json
import os

from mark import mark

KIND = os.environ.get("ASGI_LIFESPAN", "complete")


async def lifespan(scope, receive, send):
    mark("scope", json.dumps({**scope, "state": sorted(scope["state"])}, sort_keys=True))
    assert (await receive())["type"] == "lifespan.startup"
    if KIND == "failed":
        await send({"type": "lifespan.startup.failed", "message": "no database today"})
        return
    if KIND == "wrong":
        await send({"type": "lifespan.shutdown.complete"})
    scope["state"]["shared"] = []
    scope["state"]["count"] = 1
    await asyncio.sleep(0.05)
    mark("started")
    await send({"type": "lifespan.startup.complete"})
    if KIND == "late-raise":
        raise RuntimeError("lifespan broke later")
    assert (await receive())["type"] == "lifespan.shutdown"
    mark("shutting down")
    if KIND == "shutdown-hang":
        await asyncio.sleep(1000)
    if KIND == "shutdown-failed":
        await send({"type": "lifespan.shutdown.failed", "message": "could not say goodbye"})
        return
    await asyncio.sleep(0.05)
    mark("shut down")
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        if KIND == "raise":
            raise RuntimeError("unknown scope")
        if KIND == "exit":
            raise SystemExit(9)
        if KIND == "return":
            return
        await lifespan(scope, receive, send)
        return
    state = scope.get("state")
    seen = json.dumps(None if state is None else {"count": state["count"], "shared": len(state["shared"])} if state else {}).encode()
    if state:
        state["count"] += 1  # of this request alone
        state["shared"].append(1)  # of all
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": seen})
