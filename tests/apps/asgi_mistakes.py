"""Routes of asgi_suite that break the protocol, fail or say nothing."""
from mark import mark


async def mistake(r):
    """Sends what its query says and tells what that raised; then answers as it should, where it can."""
    kind = r.query["kind"]
    started = False
    try:
        if kind == "body-first":
            await r.body(b"x")
        elif kind == "start-twice":
            await r.start()
            started = True
            await r.start()
        elif kind == "unknown-type":
            await r.send({"type": "http.response.unheard"})
        elif kind == "no-type":
            await r.send({})
        elif kind == "no-dict":
            await r.send("http.response.start")
        elif kind == "no-status":
            await r.send({"type": "http.response.start"})
        elif kind == "text-status":
            await r.send({"type": "http.response.start", "status": "200"})
        elif kind == "status-100":
            await r.send({"type": "http.response.start", "status": 100})
        elif kind == "text-header":
            await r.send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        elif kind == "newline":
            await r.send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]})
        elif kind == "bad-name":
            await r.send({"type": "http.response.start", "status": 200, "headers": [(b"a b", b"c")]})
        elif kind == "three":
            await r.send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b", b"c")], "x": 1})
        elif kind == "no-list":
            await r.send({"type": "http.response.start", "status": 200, "headers": 7})
        elif kind == "text-body":
            await r.start()
            started = True
            await r.send({"type": "http.response.body", "body": "text"})
        elif kind == "trailers-unannounced":
            await r.start()
            started = True
            await r.send({"type": "http.response.trailers", "headers": []})
        elif kind == "websocket":
            await r.send({"type": "websocket.accept"})
        elif kind == "hint-text":
            await r.send({"type": "http.response.early_hint", "links": ["</a>"]})
        elif kind == "hint-bytes":
            await r.send({"type": "http.response.early_hint", "links": b"</a>"})
        elif kind == "hint-none":
            await r.send({"type": "http.response.early_hint"})
        elif kind == "hint-newline":
            await r.send({"type": "http.response.early_hint", "links": [b"</a>", b"</b>\r\nc: d"]})
        elif kind == "hint-large":
            await r.send({"type": "http.response.early_hint", "links": [b"</a>" * 1000] * 5})
        elif kind == "no-argument":
            await r.send()
        elif kind == "receive-argument":
            await r.receive(1)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    else:
        said = "nothing"
    if started:
        await r.body(said.encode())
    else:
        await r.text(said)


async def after_end(r):
    await r.text("whole")
    for message in ({"type": "http.response.body"}, {"type": "http.response.start", "status": 200}):
        try:
            await r.send(message)
        except Exception as error:
            mark("refused", r.name, type(error).__name__)


async def raises(r):
    if "after" in r.query:
        await r.start()
        if "part" in r.query:
            await r.body(b"part", more=True)
    if "exit" in r.query:
        raise SystemExit(5)
    raise RuntimeError("broken on purpose " + r.name)


async def silent(r):
    if "after" in r.query:
        await r.start()
        await r.body(b"part", more=True)


async def length(r):
    await r.start(200, [(b"content-length", r.query["says"].encode())])
    await r.body(b"x" * int(r.query["gives"]))


async def connection_header(r):
    await r.start(200, [(b"connection", r.query["value"].encode()), (b"transfer-encoding", b"chunked"), (b"keep-alive", b"5"), (b"content-length", b"2")])
    await r.body(b"ok")
