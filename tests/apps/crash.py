"""Apps that need Python's own debugging aids."""
import ctypes
import faulthandler
import os
import time

import web

if os.environ.get("ENABLE_FAULTHANDLER"):
    faulthandler.enable()  # after the engine was loaded: its handler is the earlier one then


def innocent_name(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/segfault":
        ctypes.string_at(0)
    if path == "/abort":
        os.abort()
    if path == "/later":
        faulthandler.dump_traceback_later(0.1)
        time.sleep(0.5)
        faulthandler.cancel_dump_traceback_later()
    return web.text(start_response, "Hello, World!\n")


app = innocent_name
