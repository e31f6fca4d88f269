"""A client of HTTP/2 that says what no honest client says, frame by frame: `http2_client.py HOST PORT CASE [ARGUMENT]`.

Each case prints what the server made of it, as one line of JSON: the code of its GOAWAY, the resets and statuses by stream, and whether the
connection was closed. The Debian packages python3-h2, -hpack and -hyperframe speak the format; nothing else here is a library's.
"""
from __future__ import annotations

import json
import select
import socket
import ssl
import sys
import time

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame,
)

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


def flood(client: Client, frames: bytes, times: int) -> None:
    """The same bytes over and over, taking what comes, until the server ends it."""
    for _ in range(times):
        if not client.send(frames):
            break
        while client.read():
            pass
    client.until_over()


def get(client: Client, path: str = "/") -> None:
    client.send(client.request(1, path))
    client.answered(1)


def rapid_reset(client: Client, path: str) -> None:
    for number in range(1, 20_001, 2):
        if not client.send(client.request(number, path) + RstStreamFrame(number, error_code=8).serialize()):
            break
        while client.read():
            pass
        if client.goaways:
            break
    client.until_over()


def ping_flood(client: Client) -> None:
    flood(client, PingFrame(0, opaque_data=b"12345678").serialize() * 100, 1000)


def settings_flood(client: Client) -> None:
    flood(client, SettingsFrame(0, settings={3: 100}).serialize() * 100, 1000)


def priority_flood(client: Client) -> None:
    flood(client, PriorityFrame(1, depends_on=3, stream_weight=7).serialize() * 100, 1000)


def empty_data_flood(client: Client, path: str = "/") -> None:
    client.send(client.request(1, path, "POST", end=False))
    flood(client, DataFrame(1, b"").serialize() * 100, 1000)


def empty_continuation_flood(client: Client) -> None:
    until_settings(client)
    client.send(HeadersFrame(1, client.encoder.encode([(":method", "GET")])).serialize())
    flood(client, ContinuationFrame(1, b"").serialize() * 100, 1000)


def endless_headers(client: Client) -> None:
    """A header block that never ends, with a sign of life now and then."""
    until_settings(client)
    client.send(HeadersFrame(1, client.encoder.encode([(":method", "GET")])).serialize())
    while not client.closed and time.monotonic() < client.began + PATIENCE:
        client.send(ContinuationFrame(1, client.encoder.encode([("x-a", "b")])).serialize())
        client.read(0.3)


def continuation_flood(client: Client) -> None:
    """Header fields without end."""
    until_settings(client)
    start = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
    client.send(HeadersFrame(1, client.encoder.encode(start)).serialize())
    for number in range(100_000):
        if not client.send(ContinuationFrame(1, client.encoder.encode([(f"x-{number}", "v" * 4000)])).serialize()):
            break
        while client.read():
            pass
    client.until_over()


def large_header_list(client: Client, size: str) -> None:
    """One field more than the limit allows, then an honest request on the same connection."""
    until_settings(client)
    fields = client.encoder.encode([(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/"), *(
        (f"x-{number}", "v" * 4000) for number in range(int(size) // 4000))])
    blocks = [fields[at:at + 16_000] for at in range(0, len(fields), 16_000)]
    client.send(HeadersFrame(1, blocks[0], flags=["END_STREAM"] + ([] if len(blocks) > 1 else ["END_HEADERS"])).serialize())
    for number, block in enumerate(blocks[1:], 2):
        client.send(ContinuationFrame(1, block, flags=["END_HEADERS"] if number == len(blocks) else []).serialize())
    client.answered(1)
    client.send(client.request(3))
    client.answered(3)


def too_many_streams(client: Client, path: str, many: str = "150") -> None:
    until_settings(client)
    client.send(b"".join(client.request(number, path) for number in range(1, 2 * int(many), 2)))
    client.until(lambda: len(client.resets) + len(client.ended) >= int(many))


def until_settings(client: Client) -> None:
    client.until(lambda: bool(client.settings))


def window_overflow(client: Client) -> None:
    client.send(WindowUpdateFrame(0, window_increment=2**31 - 1).serialize())
    client.until_over()


def window_of_nothing(client: Client) -> None:
    client.send(b"\0\0\4\x08\0\0\0\0\0" + b"\0\0\0\0")
    client.until_over()


def settings_overflow(client: Client, path: str) -> None:
    """An open stream's window beyond what it may be."""
    client.send(client.request(1, path) + WindowUpdateFrame(1, window_increment=2**31 - 70_000).serialize())
    client.send(SettingsFrame(0, settings={4: 2**31 - 1}).serialize())
    client.until_over()


def hoarder(client: Client, path: str, many: str = "20") -> None:
    """Asks for much and opens no window for it; then an honest request, for which the connection's window has room."""
    client.grants = False
    client.send(b"".join(client.request(number, path) for number in range(3, 2 * int(many) + 3, 2)))
    client.until(lambda: len(client.resets) >= int(many))


def deaf(client: Client) -> None:
    """Pings without reading any answer, until the server cuts the connection off."""
    client.socket.setblocking(False)
    deadline = time.monotonic() + PATIENCE
    ping = PingFrame(0, opaque_data=b"12345678").serialize() * 10
    while time.monotonic() < deadline:
        try:
            client.socket.send(ping)
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            client.closed = True
            break
        time.sleep(0.03)


def idle_pings(client: Client) -> None:
    """Keeps a connection without requests open by pings."""
    get(client)
    while not client.closed and time.monotonic() < client.began + PATIENCE:
        client.send(PingFrame(0, opaque_data=b"12345678").serialize())
        time.sleep(0.1)
        client.read()


def slow_among_fast(client: Client, slow: str, fast: str, size: str) -> None:
    """One stream whose window stays shut while others on the connection are answered; then it is opened, and its answer has to be whole."""
    until_settings(client)
    client.grants = False
    client.send(WindowUpdateFrame(0, window_increment=2**31 - 70_000).serialize() + client.request(1, slow))
    client.until(lambda: client.bodies.get(1, 0) > 60_000)
    for number in range(3, 103, 2):
        client.send(client.request(number, fast))
        client.answered(number)
    print(client.bodies[1], flush=True)
    client.send(WindowUpdateFrame(1, window_increment=int(size)).serialize())
    client.answered(1)


def gone(client: Client, path: str) -> None:
    """Resets its request and goes on: `path` waits for a file to be unlocked."""
    client.send(client.request(1, path))
    input()  # the test says when
    client.send(RstStreamFrame(1, error_code=8).serialize() + client.request(3))
    client.answered(3)


def in_turn(client: Client, *paths: str) -> None:
    """One request after the other on one connection."""
    for number, path in enumerate(paths):
        client.send(client.request(2 * number + 1, path))
        client.answered(2 * number + 1)


def zero_window(client: Client, path: str = "/") -> None:
    """Small answers that the client never takes, so that no stream ends."""
    client.send(b"".join(client.request(number, path) for number in range(1, 40, 2)))
    client.until_over()


def fields(client: Client, path: str) -> None:
    """Cookies in crumbs, repeated fields, an authority and a Host."""
    more = (("cookie", "a=1"), ("cookie", "b=2"), ("x-twice", "1"), ("x-twice", "2"), ("host", "other.test"), ("x_under", "no"))
    client.send(client.request(1, path, more=more, authority="name.test:8443"))
    client.answered(1)


def malformed(client: Client, which: str) -> None:
    """One malformed request; then an honest one, if the connection is still open."""
    good = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
    fields = {
        "connection": [*good, ("connection", "close")],
        "transfer-encoding": [*good, ("transfer-encoding", "chunked")],
        "upgrade": [*good, ("upgrade", "h2c")],
        "upper": [*good, ("X-Upper", "1")],
        "no-path": good[:3],
        "twice": [*good, (":path", "/b")],
        "late": [("x-a", "1"), *good],
        "newline": [*good, ("x-a", "b\r\nc: d")],
        "no-authority": [good[0], good[1], good[3]],
        "bad-path": [*good[:3], (":path", "nothing")],
        "lower-method": [(":method", "get"), *good[1:]],
        "connect": [(":method", "CONNECT"), (":authority", "localhost:80")],
        "userinfo": [good[0], good[1], (":authority", "me@localhost"), good[3]],
        "lengths": [*good, ("content-length", "+1")],
    }[which]
    client.send(HeadersFrame(1, client.encoder.encode(fields), flags=["END_HEADERS", "END_STREAM"]).serialize())
    client.answered(1)
    client.send(client.request(3))
    client.answered(3)


def short_body(client: Client, path: str = "/") -> None:
    """A body that is shorter than announced."""
    client.send(client.request(1, path, "POST", end=False, more=(("content-length", "10"),)) + DataFrame(1, b"12345", flags=["END_STREAM"]).serialize())
    client.answered(1)
    client.send(client.request(3))
    client.answered(3)


def refused_body(client: Client, path: str, size: str) -> None:
    """A body that is too large, sent as far as the windows allow; then another request on the same connection."""
    client.send(client.request(1, path, "POST", end=False))
    sent = 0
    while sent < int(size) and 1 not in client.ended and 1 not in client.resets and not client.closed:
        client.send(DataFrame(1, b"x" * 8192).serialize())
        sent += 8192
        while client.read():
            pass
    client.answered(1)
    client.send(client.request(3))
    client.answered(3)


def steady(client: Client, path: str = "/", at_once: str = "10") -> None:
    """Requests without a pause until the server says GOAWAY; `lost` are those that it has promised to serve (up to the last stream) and has not."""
    opened, number, served = set(), 1, False
    until_settings(client)
    while not client.goaways and not client.closed:
        batch = []
        while len(opened - client.ended - set(client.resets)) < int(at_once):
            batch.append(client.request(number, path))
            opened.add(number)
            number += 2
        client.send(b"".join(batch))
        client.read(0.2)
        if client.ended and not served:
            served = True
            print("served", flush=True)
    client.until_over()
    last = min((stream for _, stream in client.goaways), default=2**31 - 1)
    whole = {stream for stream in client.ended if client.statuses.get(stream) == 200}
    client.bodies.clear(), client.texts.clear(), client.headers.clear(), client.statuses.clear()
    client.result(lost=sorted(stream for stream in opened - whole if stream <= last), above=len([stream for stream in opened if stream > last]), served=len(whole))


def handshake(client: Client, stream: int, path: str, end: bool = False, **changed: str | None) -> bytes:
    """Asks for a WebSocket; `changed` are fields that are to be different, or, being None, absent."""
    fields = {
        ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":authority": "localhost", ":path": path, "sec-websocket-version": "13", **changed,
    }
    encoded = client.encoder.encode([(name, value) for name, value in fields.items() if value is not None])
    return HeadersFrame(stream, encoded, flags=["END_HEADERS"] + (["END_STREAM"] if end else [])).serialize()


def masked(first: int, payload: bytes = b"") -> bytes:
    """A frame of a WebSocket as its clients send it."""
    key = b"\1\2\3\4"
    return bytes([first, 0x80 | len(payload)]) + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def said(client: Client, stream: int, data: bytes) -> bool:
    return client.until(lambda: data in client.texts.get(stream, b"") or stream in client.resets)


def no_handshake(client: Client, which: str) -> None:
    """A CONNECT that is no handshake of a WebSocket; then a request, if the connection is still open."""
    changed, end = {
        "tunnel": ({":protocol": None, ":scheme": None, ":path": None}, False),
        "other": ({":protocol": "connect-udp"}, False),
        "get": ({":method": "GET"}, False),
        "no-path": ({":path": None}, False),
        "no-authority": ({":authority": None}, False),
        "version": ({"sec-websocket-version": "8"}, False),
        "no-version": ({"sec-websocket-version": None}, False),
        "length": ({"content-length": "5"}, False),
        "upgrade": ({"upgrade": "websocket"}, False),
        "case": ({":protocol": "WebSocket"}, False),
        "half-closed": ({}, True),
        "denied": ({":path": "/deny"}, False),
        "denied-http": ({":path": "/deny-http?size=300000"}, False),
        "fails": ({":path": "/fails"}, False),
        "good": ({}, False),
    }[which]
    client.send(handshake(client, 1, "/echo?name=" + which, end, **changed))
    client.until(lambda: 1 in client.statuses or 1 in client.resets)
    if client.statuses.get(1) == 200 and not end:
        client.send(DataFrame(1, masked(0x88, b"\x03\xe8")).serialize())
    client.answered(1)
    client.send(client.request(3, "/hello"))
    client.answered(3)


def socket_in_pieces(client: Client) -> None:
    """Bytes of the socket one by one, before it is accepted as well; another socket and a request beside it; then a reset."""
    pieces = masked(0x01, b"Hello, ") + masked(0x89, b"?") + masked(0x80, b"World!") + masked(0x82, b"\0\xff")
    client.send(handshake(client, 1, "/echo?name=pieces") + b"".join(DataFrame(1, bytes([byte])).serialize() for byte in pieces))
    said(client, 1, b"\x82\x02\0\xff")
    client.send(handshake(client, 3, "/echo") + client.request(5, "/hello") + DataFrame(3, masked(0x81, b"beside")).serialize())
    said(client, 3, b"beside")
    client.answered(5)
    client.send(RstStreamFrame(1, error_code=8).serialize() + DataFrame(3, masked(0x81, b"still here")).serialize())
    said(client, 3, b"still here")
    client.send(DataFrame(3, masked(0x88, b"\x0f\xa0")).serialize())
    client.answered(3)
    client.send(client.request(7, "/hello"))
    client.answered(7)


def in_turns(client: Client) -> None:
    """One stream after the other, for which Kestrel uses one object: requests, sockets, and answers that there is none, each behind each."""
    number, seen = 1, []
    for kind in "ggsgdgsdsshgghsdhhg":
        path = {"g": "/hello", "s": "/echo", "d": "/deny", "h": "/deny-http?size=70000"}[kind]
        client.send(client.request(number, path) if kind == "g" else handshake(client, number, path))
        if kind == "s":
            client.send(DataFrame(number, masked(0x81, b"in turn")).serialize())
            said(client, number, b"in turn")
            client.send(DataFrame(number, masked(0x88, b"\x03\xe8"), flags=["END_STREAM"]).serialize())
        client.answered(number)
        seen.append(f"{kind} {client.statuses.get(number)} {client.bodies.get(number, 0)} {number in client.ended}")
        number += 2
    client.texts.clear()
    print("\n".join(sorted(set(seen))), flush=True)


def socket_without_window(client: Client, name: str) -> None:
    """A socket whose app sends without end and whose window stays shut, while requests are answered; then it is given up."""
    until_settings(client)
    client.grants = False
    client.send(WindowUpdateFrame(0, window_increment=2**31 - 70_000).serialize() + handshake(client, 1, "/flood?name=" + name))
    client.until(lambda: client.bodies.get(1, 0) > 65_000)
    counts, number = [b""], 3
    while len(counts) < 400 and (counts[-1] in (b"", b"0") or counts[-1] != counts[max(0, len(counts) - 20)]):
        client.send(client.request(number, "/count?" + name))
        client.answered(number)
        counts.append(client.texts[number])
        number += 2
    client.send(RstStreamFrame(1, error_code=8).serialize())
    client.send(client.request(number, "/hello"))
    client.answered(number)
    print(counts[-1].decode(), client.bodies[1], flush=True)


def sockets_then_requests(client: Client, rounds: str) -> None:
    """Sockets that both sides end, then requests, for which the server may use what it has made for the sockets' streams again."""
    number = 1
    for _ in range(int(rounds)):
        sockets, requests = range(number, number + 20, 2), range(number + 20, number + 40, 2)
        client.send(b"".join(handshake(client, each, "/echo") for each in sockets))
        client.until(lambda: all(each in client.statuses for each in sockets))
        client.send(b"".join(DataFrame(each, masked(0x88, b"\x03\xe8"), flags=["END_STREAM"]).serialize() for each in sockets))
        for each in (*sockets, *requests):
            if each in requests:
                client.send(client.request(each, "/hello"))
            client.answered(each)
        number += 40


def silent_socket(client: Client) -> None:
    """Answers no ping."""
    client.send(handshake(client, 1, "/echo?name=silent"))
    client.answered(1)
    client.send(client.request(3, "/hello"))
    client.answered(3)


def stopped_socket(client: Client) -> None:
    """Two sockets when the server stops, one of which answers."""
    client.send(handshake(client, 1, "/echo?name=polite") + handshake(client, 3, "/echo?name=rude"))
    client.until(lambda: client.statuses.get(1) == 200 and client.statuses.get(3) == 200)
    print("open", flush=True)
    said(client, 1, b"\x88\x02\x03\xf4")
    said(client, 3, b"\x88\x02\x03\xf4")
    client.send(DataFrame(1, masked(0x88, b"\x03\xf4")).serialize())
    client.answered(1)
    client.send(RstStreamFrame(3, error_code=8).serialize())
    client.until_over()


def hinted(client: Client, path: str) -> None:
    """Tells when the first hint is there; then two more requests."""
    client.send(client.request(1, path))
    client.until(lambda: 1 in client.hints)
    print("hinted", 1 in client.statuses, flush=True)
    client.answered(1)
    for number, after in ((3, "/hints"), (5, "/hello")):
        client.send(client.request(number, after))
        client.answered(number)


def small_table(client: Client, path: str) -> None:
    """Wants no table of header fields at all, which the next header block has to acknowledge."""
    client.decoder.max_allowed_table_size = 0
    for number in (1, 3):
        client.send(client.request(number, path))
        client.answered(number)


def hint_and_reset(client: Client, path: str) -> None:
    """Gives a request up as soon as it is hinted at, again and again; then an honest one."""
    for number in range(1, 101, 2):
        client.send(client.request(number, path))
        client.until(lambda: number in client.hints)
        client.send(RstStreamFrame(number, error_code=8).serialize())
    client.send(client.request(101, path))
    client.answered(101)


def crowd(client: Client, many: str) -> None:
    """So many sockets at once on one connection."""
    client.send(b"".join(handshake(client, number, "/echo") for number in range(1, 2 * int(many), 2)))
    client.until(lambda: len(client.statuses) + len(client.resets) == int(many))


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    options = dict(argument[2:].partition("=")[::2] for argument in sys.argv[1:] if argument.startswith("--"))
    host, port, case, *rest = arguments
    windows = {"zero_window": {4: 0}, "small_table": {1: 0}}.get(case)
    client = Client(host, int(port), options.get("ca"), windows)
    client.began = time.monotonic()
    globals()[case](client, *rest)
    if case != "steady":
        client.result(seconds=round(time.monotonic() - client.began, 1), pongs=client.pongs)


if __name__ == "__main__":
    main()
