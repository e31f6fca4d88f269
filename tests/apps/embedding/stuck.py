"""Apps that do not come back: the server ends without them, and the interpreter's end finds them in every state."""
import atexit
import logging
import sys
import threading
import time

import waitress.server
import web
from check import get

kind = sys.argv[1]
logging.basicConfig(format="%(message)s", stream=sys.stdout)
waitress.server.JOIN_SECONDS = 0.2
inside = threading.Semaphore(0)
atexit.register(print, "atexit")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    inside.release()
    if kind == "late":
        # Comes back when its server is long closed, in every way that touches the engine.
        release.wait(30)
        if path == "/raise":
            raise ValueError("late")
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/write":
            write(b"late")
        if path == "/generator":
            return (block for block in (b"a", b"b"))
        if path == "/file":
            return environ["wsgi.file_wrapper"](open(__file__, "rb"))
        environ["waitress.client_disconnected"]()
        return [environ["wsgi.input"].read()]
    while kind == "busy":
        pass
    while kind == "waking":
        time.sleep(0.0005)
    time.sleep(3600)


def client(path):
    try:
        get(server.effective_port, path)
    except OSError:
        pass


release = threading.Event()
paths = ["/", "/raise", "/write", "/generator", "/file"] if kind == "late" else ["/", "/"]
server = waitress.create_server(app, listen="127.0.0.1:0", threads=len(paths), graceful_timeout=1)
thread = threading.Thread(target=server.run)
thread.start()
clients = [threading.Thread(target=client, args=(path,)) for path in paths]
for each in clients:
    each.start()
for each in clients:
    inside.acquire()
server.close()
for each in [thread, *clients]:
    each.join(30)
if kind == "late":
    release.set()
    for each in threading.enumerate():
        if each.name.startswith("waitress-"):
            each.join(30)
    print("left", [each.name for each in threading.enumerate()])
