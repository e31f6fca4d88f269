"""A Python of its own for what a test can't do to the one it runs in: signals, exit hooks, statistics on standard output."""
import os
import subprocess
import sys
import textwrap

import waitress

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(waitress.__file__)))

# Comes before the code: the stand-in for the engine, and an app.
PRELUDE = """
import fake_native, logging, os, signal, sys, threading, atexit
native = fake_native.install()
import waitress
def app(environ, start_response): pass
"""


def run_python(code, **kw):
    path = os.pathsep.join([PACKAGE, HERE])
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60, **kw,
    )
