"""Cases of http2_client: WebSockets over HTTP/2 (RFC 8441), and early hints."""
from __future__ import annotations

from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame, WindowUpdateFrame

from http2_wire import Client, until_settings


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
    client.until(lambda: len(client.statuses) == int(many))  # a refused one is reset besides, maybe before the others are answered
