"""What only a browser can judge: a page whose style sheet is hinted at before the page is there, and which opens WebSockets over its connection."""
import asyncio

PAGE = b"""<!doctype html><html><head><title>%s</title><link rel="stylesheet" href="/style.css"></head><body><script>
const said = [];
for (let number = 0; number < 3; number++) {
    const socket = new WebSocket(`wss://${location.host}/socket?${number}`, ["other", "chosen"]);
    socket.onopen = () => socket.send("caf\\u00e9 " + number);
    socket.onmessage = message => { said.push(message.data); socket.close(4000, "done"); };
    socket.onclose = event => said.push(`${socket.protocol} ${socket.extensions.split(";")[0]} ${event.code} ${event.wasClean}`);
    socket.onerror = () => said.push("error");
}
</script></body></html>"""


class Asked:
    """The style sheet was asked for."""

    event = None


async def app(scope, receive, send):
    Asked.event = Asked.event or asyncio.Event()
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "chosen"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{message['text']} over {scope['http_version']} {scope['scheme']}"})
        return
    if scope["path"] == "/":
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload; as=style"]})
        try:
            await asyncio.wait_for(Asked.event.wait(), 30)
            kind, body = b"text/html", PAGE % b"hinted"
        except asyncio.TimeoutError:
            kind, body = b"text/html", PAGE % b"not hinted"
    elif scope["path"] == "/style.css":
        Asked.event.set()
        kind, body = b"text/css", b"body { color: rgb(1, 2, 3); }"
    else:
        kind, body = b"text/plain", b""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), (b"cache-control", b"max-age=60")]})
    await send({"type": "http.response.body", "body": body})
