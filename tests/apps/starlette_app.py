"""A Starlette app: forms, sessions, uploads, static files, streams, server-sent events, background tasks, middleware, WebSockets."""
import asyncio
import hashlib
import os

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

import waits
from mark import mark

STATIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "static")


async def index(request):
    return PlainTextResponse("Hello from Starlette")


async def form(request):
    request.session["name"] = (await request.form())["name"]
    return RedirectResponse("/who", status_code=303)


async def who(request):
    return PlainTextResponse(request.session.get("name", "nobody"))


async def upload(request):
    form = await request.form()
    sha, size = hashlib.sha256(), 0
    while block := await form["file"].read(65_536):
        sha.update(block)
        size += len(block)
    return JSONResponse({"name": form["file"].filename, "length": size, "sha256": sha.hexdigest(), "note": form["note"]})


async def counted_upload(request):
    """How long it was, and the most memory that the process has ever had, in KiB."""
    size = 0
    async for block in request.stream():
        size += len(block)
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return JSONResponse({"length": size, "peak": peak})


async def as_json(request):
    return JSONResponse({"doubled": [2 * number for number in (await request.json())["numbers"]]})


async def stream(request):
    async def lines():
        for number in range(1000):
            yield "%s %d\n" % (request.query_params["word"], number)
    return StreamingResponse(lines(), media_type="text/plain")


async def sync_stream(request):
    return StreamingResponse(("row %d\n" % number for number in range(1000)), media_type="text/plain")


async def events(request):
    """Server-sent events until the client leaves."""
    name = request.query_params["name"]

    async def each():
        try:
            for number in range(100_000):
                yield "event: tick\ndata: %d\n\n" % number
                await asyncio.sleep(0.01)
        finally:
            mark("ended", name)
    return StreamingResponse(each(), media_type="text/event-stream")


async def polled(request):
    """Asks whether the client is there until it is not."""
    mark("entered", request.query_params["name"])
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    mark("left", request.query_params["name"])
    return PlainTextResponse("to nobody")


async def file(request):
    return FileResponse(os.path.join(STATIC, "style.css"), filename="style.css")


def in_thread(request):
    return PlainTextResponse("from a thread")


async def background(request):
    asked = request.query_params

    def work():
        mark("entered", asked["name"])
        waits.pass_gate(asked["gate"])
        mark("left", asked["name"])
    return PlainTextResponse("answered", background=BackgroundTask(work))


async def broken(request):
    raise RuntimeError("broken view")


async def echo(socket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


class Tagged(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["X-Tag"] = "middleware"
        return response


routes = [
    Route("/", index), Route("/form", form, methods=["POST"]), Route("/who", who), Route("/upload", upload, methods=["POST"]),
    Route("/counted-upload", counted_upload, methods=["POST"]), Route("/json", as_json, methods=["POST"]), Route("/stream", stream),
    Route("/sync-stream", sync_stream), Route("/events", events), Route("/polled", polled), Route("/file", file),
    Route("/in-thread", in_thread), Route("/background", background), Route("/broken", broken), WebSocketRoute("/echo", echo),
    Mount("/static", StaticFiles(directory=STATIC)),
]
app = Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, secret_key="only for tests")])
tagged = Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, secret_key="only for tests"), Middleware(Tagged)])
