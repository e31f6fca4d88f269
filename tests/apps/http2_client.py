"""A client of HTTP/2 that says what no honest client says, frame by frame: `http2_client.py HOST PORT CASE [ARGUMENT]`.

Each case prints what the server made of it, as one line of JSON: the code of its GOAWAY, the resets and statuses by stream, and whether the
connection was closed. The Debian packages python3-h2, -hpack and -hyperframe speak the format; nothing else here is a library's.
"""
from __future__ import annotations

import sys
import time

from hyperframe.frame import (
    ContinuationFrame, DataFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame,
)

import http2_sockets
from http2_wire import PATIENCE, Client, get, until_settings


def flood(client: Client, frames: bytes, times: int) -> None:
    """The same bytes over and over, taking what comes, until the server ends it."""
    for _ in range(times):
        if not client.send(frames):
            break
        while client.read():
            pass
    client.until_over()


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


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    options = dict(argument[2:].partition("=")[::2] for argument in sys.argv[1:] if argument.startswith("--"))
    host, port, case, *rest = arguments
    windows = {"zero_window": {4: 0}, "small_table": {1: 0}}.get(case)
    client = Client(host, int(port), options.get("ca"), windows)
    client.began = time.monotonic()
    ({**vars(http2_sockets), **globals()})[case](client, *rest)
    if case != "steady":
        client.result(seconds=round(time.monotonic() - client.began, 1), pongs=client.pongs)


if __name__ == "__main__":
    main()
