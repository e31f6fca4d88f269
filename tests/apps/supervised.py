"""For the tests of workers that die, hang and are replaced: every answer says which process made it."""
import os
import sys
import time
from urllib.parse import parse_qs

leaked = []


def app(environ, start_response):
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    action = environ["PATH_INFO"]
    if action == "/exit":
        print("these are my last words", file=sys.stderr)
        sys.stderr.flush()
        os._exit(7)
    elif action == "/crash":
        import ctypes  # here, because not every interpreter of class interpreter can have it
        ctypes.string_at(0)
    elif action == "/sleep":
        time.sleep(float(query["seconds"]))
    elif action == "/slow":
        time.sleep(0.2)
    elif action == "/hang":
        print("MARK hanging", file=sys.stderr)
        sys.stderr.flush()
        time.sleep(1000)
    elif action == "/hold":
        print("MARK holding", file=sys.stderr)
        sys.stderr.flush()
        import ctypes
        ctypes.PyDLL(None).sleep(1000)  # with the GIL, as an extension module that loops
    elif action == "/stuck":
        import ctypes
        ctypes.CDLL(None).sleep(1000)  # without it: nothing else is held up, and no exception gets through
    elif action == "/leak":
        leaked.append(b"x" * (int(query["mib"]) << 20))
    body = f"{os.getpid()} {query.get('name', '')}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
