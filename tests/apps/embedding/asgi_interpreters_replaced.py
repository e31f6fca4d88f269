"""Event loops of class interpreter are replaced one after the other under load: new requests are the others', what one has is finished, or told to go."""
import os
import socket
import sys

import replacing

HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
server, thread = replacing.begin("asgi_interpreters:app", graceful_timeout=2)


def ask(target, more=""):
    connection = socket.create_connection(("127.0.0.1", int(server.effective_port)), timeout=60)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: test\r\n{more}\r\n".encode())
    return connection


def all_of(connection):
    data = b""
    try:
        while block := connection.recv(65536):
            data += block
    except ConnectionResetError:
        data += b"(reset)"
    connection.close()
    return data


# More of each than there are loops, so that each loop has some. They have begun when they have answered, or say so.
sockets = [ask("/", HANDSHAKE) for _ in range(3)]
for each in sockets:
    assert each.recv(65536).startswith(b"HTTP/1.1 101 ")
sleeping = [ask(f"/sleep?name=s{number}") for number in range(3)]
streaming = [ask(f"/stream?name=t{number}") for number in range(3)]
for each in streaming:
    assert each.recv(1) == b"H"
replacing.replace(server, 2, "POST", b"+body", "{}+body")
print("told", {b"\x88\x02\x03\xf4" in all_of(each) for each in sockets})
print("slept", {all_of(each).split(b"\r\n")[0].decode() for each in sleeping})
print("cut", {not all_of(each).endswith(b"0\r\n\r\n") for each in streaming})
replacing.end(server, thread)
sys.stdout.flush()
os._exit(0)  # CPython 3.12.1 crashes when it takes an interpreter down after another has imported ssl, as asyncio does
