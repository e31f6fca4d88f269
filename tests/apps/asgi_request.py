"""What the routes of asgi_suite share."""
import asyncio
import json
from urllib.parse import parse_qsl

import waits
from mark import mark


class Request:
    """What the routes share; bytes of the scope as Latin-1."""

    def __init__(self, scope, receive, send):
        self.scope, self.receive, self.send = scope, receive, send
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.name = self.query.get("name", "")

    async def start(self, status=200, headers=(), **more):
        await self.send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain"), *headers], **more})

    async def body(self, data=b"", more=False):
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def text(self, text, status=200):
        data = text.encode("utf-8")
        await self.start(status, [(b"content-length", b"%d" % len(data))])
        await self.body(data)

    async def json(self, value):
        await self.text(json.dumps(value, default=lambda data: data.decode("latin-1")))

    async def blocks(self):
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                mark("cut", self.name)
                raise ConnectionError("the client left in its body")
            more = message.get("more_body", False)
            yield message.get("body", b"")

    async def gate(self):
        mark("entered", self.name)
        await asyncio.get_running_loop().run_in_executor(None, waits.pass_gate, self.query["gate"])
        mark("left", self.name)
