"""Apps for asgi.py: the smallest one, and a Starlette app with a route, a query and JSON (Debian package python3-starlette)."""
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), (b"content-length", b"13")]}
BODY = {"type": "http.response.body", "body": b"Hello, World!"}


async def hello(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            step = (await receive())["type"]
            await send({"type": step + ".complete"})
            if step == "lifespan.shutdown":
                return
    await send(START)
    await send(BODY)


def starlette():
    """A factory, so that hello needs no Starlette."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def item(request):
        number = request.path_params["number"]
        return JSONResponse({"number": number, "name": f"item {number}", "full": request.query_params.get("full") == "1", "tags": ["a", "b", "c"]})

    return Starlette(routes=[Route("/items/{number:int}", item)])
