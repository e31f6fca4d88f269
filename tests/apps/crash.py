"""Apps that need Python's own debugging aids."""
import ctypes
import faulthandler
import os
import tempfile
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
        with tempfile.TemporaryFile("w+") as dump:
            faulthandler.dump_traceback_later(0.1, file=dump)
            end = time.monotonic() + 30
            while not os.fstat(dump.fileno()).st_size and time.monotonic() < end:
                time.sleep(0.01)
            faulthandler.cancel_dump_traceback_later()  # returns when the dump is whole
            dump.seek(0)
            return web.text(start_response, dump.read())
    return web.text(start_response, "Hello, World!\n")


app = innocent_name
