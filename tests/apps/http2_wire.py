"""A connection of HTTP/2 that sends whatever frame it is told to: what the cases of http2_client share."""
from __future__ import annotations

import json
import select
import socket
import ssl
import time

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 40.0


class Client:
    def __init__(self, host: str, port: int, ca: str | None = None, settings: dict[int, int] | None = None) -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ca:
            context = ssl.create_default_context(cafile=ca)
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.encoder, self.decoder = Encoder(), Decoder()
        self.buffer = b""
        self.statuses: dict[int, int] = {}
        self.headers: dict[int, dict[str, str]] = {}
        self.hints: dict[int, list[str]] = {}
        self.bodies: dict[int, int] = {}
        self.texts: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.settings: dict[int, int] = {}
        self.goaways: list[tuple[int, int]] = []
        self.pongs = 0
        self.closed = False
        self.grants = True  # whether windows are opened as bytes come
        self.send(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())

    def send(self, data: bytes) -> bool:
        """False when the server has closed the connection; what it sent before is still to be read."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def request(self, stream: int, path: str = "/", method: str = "GET", end: bool = True, more: tuple = (), authority: str = "localhost") -> bytes:
        fields = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more]
        frame = HeadersFrame(stream, self.encoder.encode(fields), flags=["END_HEADERS"] + (["END_STREAM"] if end else []))
        return frame.serialize()

    def read(self, seconds: float = 0.0) -> bool:
        """Takes what comes within that time; False when there was nothing."""
        if self.closed or not (getattr(self.socket, "pending", int)() or select.select([self.socket], [], [], seconds)[0]):
            return False
        try:
            data = self.socket.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self.buffer[:9]))
            if len(self.buffer) < 9 + length:
                break
            frame.parse_body(memoryview(self.buffer[9:9 + length]))
            self.buffer = self.buffer[9 + length:]
            self.take(frame)
        return True

    def take(self, frame: Frame) -> None:
        if isinstance(frame, HeadersFrame):
            decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.decoder.decode(frame.data, raw=True)]
            fields = dict(decoded)
            if fields.get(":status") == "103":
                assert frame.stream_id not in self.statuses, "a 103 behind the answer"
                self.hints.setdefault(frame.stream_id, []).extend(value for name, value in decoded if name == "link")
            elif ":status" in fields:
                self.statuses[frame.stream_id] = int(fields[":status"])
                self.headers[frame.stream_id] = fields
        elif isinstance(frame, DataFrame):
            self.bodies[frame.stream_id] = self.bodies.get(frame.stream_id, 0) + len(frame.data)
            if len(self.texts.get(frame.stream_id, b"")) < 4096:
                self.texts[frame.stream_id] = self.texts.get(frame.stream_id, b"") + frame.data
            if frame.flow_controlled_length and self.grants:
                opened = [WindowUpdateFrame(number, window_increment=frame.flow_controlled_length).serialize() for number in (0, frame.stream_id)]
                self.send(b"".join(opened))
        elif isinstance(frame, RstStreamFrame):
            self.resets[frame.stream_id] = frame.error_code
        elif isinstance(frame, GoAwayFrame):
            self.goaways.append((frame.error_code, frame.last_stream_id))
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self.settings.update(frame.settings)
            self.send(SettingsFrame(0, flags=["ACK"]).serialize())
        elif isinstance(frame, PingFrame):
            self.pongs += 1
        if "END_STREAM" in frame.flags:
            self.ended.add(frame.stream_id)

    def until(self, condition) -> bool:
        deadline = time.monotonic() + PATIENCE
        while not condition() and not self.closed and time.monotonic() < deadline:
            self.read(0.2)
        return condition()

    def until_over(self) -> None:
        """Until the server has closed the connection."""
        self.until(lambda: self.closed)

    def answered(self, stream: int) -> bool:
        return self.until(lambda: stream in self.ended or stream in self.resets)

    def result(self, **more: object) -> None:
        print(json.dumps({
            "goaway": self.goaways[-1][0] if self.goaways else None, "goaways": self.goaways, "statuses": self.statuses, "resets": self.resets,
            "bodies": self.bodies, "texts": {number: text.decode("latin-1") for number, text in self.texts.items()}, "headers": self.headers,
            "closed": self.closed, "settings": self.settings, "hints": self.hints, **more,
        }), flush=True)


def get(client: Client, path: str = "/") -> None:
    client.send(client.request(1, path))
    client.answered(1)


def until_settings(client: Client) -> None:
    client.until(lambda: bool(client.settings))
