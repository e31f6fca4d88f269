"""A client's request and SIGTERM come while the server says that it serves, so at the first moment anybody can know of it.

As a module it is the app of a command line, as a script it calls serve().
"""
import atexit
import logging
import os
import signal
import socket

import waitress
import web
from mark import mark

ADDRESS = "Serving on http://127.0.0.1:"
client = socket.socket()


class AtTheLine(logging.Handler):
    def emit(self, record):
        before, found, port = record.getMessage().partition(ADDRESS)
        if found:
            client.connect(("127.0.0.1", int(port)))
            client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            os.kill(os.getpid(), signal.SIGTERM)


def tell_answer():
    client.settimeout(30)
    mark("answer", client.recv(65536).partition(b"\r\n")[0].decode())


def app(environ, start_response):
    return web.text(start_response, "early")


logging.getLogger("waitress").addHandler(AtTheLine())
atexit.register(tell_answer)
if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    waitress.serve(app, listen="127.0.0.1:0")
