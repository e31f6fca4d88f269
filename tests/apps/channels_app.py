"""Django Channels beside Django's own views: consumers in groups of the in-memory layer, a synchronous one in threads, one for HTTP."""
import asyncio

import django_asgi
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer, JsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path, re_path

from mark import mark

settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()
        await self.send(text_data="joined")

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send(self.room, {"type": "chat.message", "text": text_data, "bytes": bytes_data})

    async def chat_message(self, event):
        await self.send(text_data=event["text"], bytes_data=event["bytes"])

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)
        mark("disconnected", self.room, code)


class Sums(JsonWebsocketConsumer):
    """In a thread of its own for each message."""

    def receive_json(self, content):
        if content == "close":
            self.close(4001)
        else:
            self.send_json({"sum": sum(content)})


class Refused(AsyncWebsocketConsumer):
    async def connect(self):
        await self.close()


class Events(AsyncHttpConsumer):
    """Server-sent events until the client leaves."""

    async def handle(self, body):
        await self.send_headers(headers=[(b"Content-Type", b"text/event-stream")])
        for number in range(100_000):
            await self.send_body(b"data: %d\n\n" % number, more_body=True)
            await asyncio.sleep(0.01)

    async def disconnect(self):
        mark("events ended", self.scope["query_string"].decode())


app = ProtocolTypeRouter({
    "http": URLRouter([path("events", Events.as_asgi()), re_path("", django_asgi.app)]),
    "websocket": URLRouter([path("chat/<str:room>", Chat.as_asgi()), path("sums", Sums.as_asgi()), path("refused", Refused.as_asgi())]),
})
