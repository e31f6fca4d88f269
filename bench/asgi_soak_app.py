"""The ASGI app that bench/soak.py and bench/asgi_connections.py drive. Run: ./waitress-serve --listen=127.0.0.1:8080 bench.asgi_soak_app:app"""
import tempfile

SIZE = 1024 * 1024
PLAIN = (b"content-type", b"text/plain")
# One file for all answers.
FILE = tempfile.NamedTemporaryFile(prefix="waitress-soak-")
FILE.write(b"f" * SIZE)
FILE.flush()
everybody = set()


async def start(send, length=None):
    headers = [PLAIN] if length is None else [PLAIN, (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def whole(send, body):
    await start(send, len(body))
    await send({"type": "http.response.body", "body": body})


async def hello(scope, receive, send):
    await whole(send, b"Hello, world!\n")


async def post(scope, receive, send):
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    await whole(send, str(length).encode())


async def stream(scope, receive, send):
    await start(send)
    for _ in range(64):
        await send({"type": "http.response.body", "body": b"s" * 4096, "more_body": True})
    await send({"type": "http.response.body"})


async def endless(scope, receive, send):
    """Far more than a client takes before it leaves; send() raises then."""
    await start(send)
    try:
        while True:
            await send({"type": "http.response.body", "body": b"e" * 65536, "more_body": True})
    except OSError:
        pass


async def file(scope, receive, send):
    await start(send, SIZE)
    await send({"type": "http.response.pathsend", "path": FILE.name})


async def fail(scope, receive, send):
    raise RuntimeError("an error on purpose")


ROUTES = {"/post": post, "/stream": stream, "/endless": endless, "/file": file, "/fail": fail}


async def broadcast(receive, send):
    """Each message goes to everybody."""
    await receive()
    await send({"type": "websocket.accept"})
    everybody.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            for each in list(everybody):
                try:
                    await each({"type": "websocket.send", "text": message["text"]})
                except OSError:  # it is just leaving
                    pass
    finally:
        everybody.discard(send)


async def app(scope, receive, send):
    if scope["type"] == "http":
        await ROUTES.get(scope["path"], hello)(scope, receive, send)
    elif scope["type"] == "websocket":
        await broadcast(receive, send)
    else:
        raise RuntimeError("no lifespan")
