"""Event loops of class interpreter are replaced one after the other under load: new requests are the others', what one has is finished, or told to go."""
import http.client
import logging
import os
import socket
import sys
import threading

import waitress

CLIENTS = 4
HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
waitress.server.logger.setLevel(logging.WARNING)
server = waitress.create_server("asgi_interpreters:app", listen="127.0.0.1:0", worker_class="interpreter", workers=2, graceful_timeout=2)
server.load()
thread = threading.Thread(target=server.run)
thread.start()
stop = threading.Event()
errors, counts = [], [0] * CLIENTS


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


def client(index):
    connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=60)
    try:
        while not stop.is_set():
            word = f"{index}-{counts[index]}"
            connection.request("POST", f"/echo?word={word}", body=b"+body")
            response = connection.getresponse()
            answer = response.status, response.read().decode()
            if answer != (200, word + "+body"):
                errors.append(answer)
            counts[index] += 1
    except Exception as error:
        errors.append(error)
    connection.close()


# More of each than there are loops, so that each loop has some. They have begun when they have answered, or say so.
sockets = [ask("/", HANDSHAKE) for _ in range(3)]
for each in sockets:
    assert each.recv(65536).startswith(b"HTTP/1.1 101 ")
sleeping = [ask(f"/sleep?name=s{number}") for number in range(3)]
streaming = [ask(f"/stream?name=t{number}") for number in range(3)]
for each in streaming:
    assert each.recv(1) == b"H"
clients = [threading.Thread(target=client, args=(index,)) for index in range(CLIENTS)]
for each in clients:
    each.start()
names = [server.worker_names]
for _ in range(2):
    server.replace_worker(server.worker_names[0])
    names.append(server.worker_names)
stop.set()
for each in clients:
    each.join()
print("errors", errors)
print("all served", all(counts))
print("made", len({name for pair in names for name in pair}), "at once", {len(pair) for pair in names})
print("told", {b"\x88\x02\x03\xf4" in all_of(each) for each in sockets})
print("slept", {all_of(each).split(b"\r\n")[0].decode() for each in sleeping})
print("cut", {not all_of(each).endswith(b"0\r\n\r\n") for each in streaming})
server.close()
thread.join()
print("ended", not thread.is_alive())
sys.stdout.flush()
os._exit(0)  # CPython 3.12.1 crashes when it takes an interpreter down after another has imported ssl, as asyncio does
