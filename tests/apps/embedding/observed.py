"""What tracers, profilers and tracemalloc see of an app that a server in the main thread calls."""
import os
import signal
import sys
import threading
import tracemalloc

import waitress
import web
from check import get

kind = sys.argv[1]
lines, calls = [], []


def app(environ, start_response):
    word = "traced"
    return web.text(start_response, word)


def trace(frame, event, argument):
    if frame.f_code is not app.__code__:
        return None
    lines.append((event, frame.f_lineno - app.__code__.co_firstlineno))
    return trace


def profile(frame, event, argument):
    if frame.f_code is app.__code__:
        calls.append(event)


if kind == "trace":
    threading.settrace(trace)
if kind == "profile":
    threading.setprofile(profile)
if kind == "tracemalloc":
    tracemalloc.start(5)
server = waitress.create_server(app, listen="127.0.0.1:0", threads=1)


def client():
    for _ in range(2):
        get(server.effective_port)
    os.kill(os.getpid(), signal.SIGTERM)


thread = threading.Thread(target=client)
thread.start()
server.run()
thread.join(30)
if kind == "trace":
    print(lines[:4] == lines[4:], lines[:4])
if kind == "profile":
    print(calls[0], calls[-1], calls.count("call"))
if kind == "tracemalloc":
    print(tracemalloc.get_traced_memory()[0] > 0)
