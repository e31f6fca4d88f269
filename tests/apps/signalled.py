"""Signal handlers and an exit hook of the app, installed when it is imported."""
import atexit
import signal
import threading

import web
from mark import mark

signal.signal(signal.SIGUSR1, lambda number, frame: mark("signal", number, threading.current_thread().name))
atexit.register(mark, "atexit")


def app(environ, start_response):
    return web.text(start_response, "signalled")
