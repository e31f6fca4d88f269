"""An app for the worker class interpreter: says where it runs, computes, waits, and remembers what only its interpreter saw."""
import os
import sys
import threading
import time
from urllib.parse import parse_qs

from mark import mark

seen = 0
IMPORTED = time.monotonic_ns()


def app(environ, start_response):
    global seen
    seen += 1
    path = environ["PATH_INFO"]
    query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    status = "200 OK"
    if path == "/compute":
        total = 0
        for number in range(int(query.get("n", 100_000))):
            total += number * number
        body = str(total)
    elif path == "/echo":
        body = query["word"]
    elif path == "/sleep":
        mark("asleep")
        time.sleep(float(query["s"]))
        body = "slept"
    elif path == "/busy":
        end = time.monotonic() + float(query["s"])
        while time.monotonic() < end:
            pass
        body = "was busy"
    elif path == "/raise":
        raise ValueError("from an interpreter")
    elif path == "/fork":
        try:
            os.fork()
            body = "forked"
        except RuntimeError as error:
            body = f"RuntimeError: {error}"
    elif path == "/exit":
        sys.exit(3)
    elif path == "/thread":
        event = threading.Event()
        threading.Thread(target=event.wait, daemon=query.get("daemon") == "1").start()
        body = "started"
    elif path == "/hello":
        body = "Hello, World!\n"
    elif path == "/who":
        body = f"{IMPORTED} {threading.current_thread().name} {environ['wsgi.multiprocess']} {seen}"
    else:
        status, body = "404 Not Found", "nothing here"
    data = body.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(data)))])
    return [data]
