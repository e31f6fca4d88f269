"""Threads, stacks, child processes: what an app may do inside a request as in any Python program."""
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import web

kept = threading.local()


def threads(environ, start_response):
    return web.as_json(start_response, {
        "current": threading.current_thread().name, "ident": threading.get_ident(),
        "names": [thread.name for thread in threading.enumerate()], "main": threading.current_thread() is threading.main_thread()})


def local(environ, start_response):
    kept.count = getattr(kept, "count", 0) + 1
    return web.as_json(start_response, {"count": kept.count, "ident": threading.get_ident()})


def deeper(level):
    # Through a built-in, so that each level takes C stack too.
    return max([level], key=lambda _: deeper(level + 1))


def recursion(environ, start_response):
    try:
        deeper(0)
    except RecursionError:
        return web.text(start_response, "RecursionError")
    return web.text(start_response, "no error")


def recursion_uncaught(environ, start_response):
    deeper(0)
    return web.text(start_response, "no error")


def fork(environ, start_response):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b"child %d" % sum(range(100)))
        finally:
            os._exit(7)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read().decode()
    status = os.waitpid(child, 0)[1]
    return web.as_json(start_response, {"said": said, "code": os.waitstatus_to_exitcode(status)})


def fork_exit(environ, start_response):
    """The child leaves as an app's child may: through SystemExit, out of the request. Only the parent answers."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that hangs in a server must not outlive the test run
        sys.exit(9)
    return web.as_json(start_response, {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])})


def square(queue, number):
    queue.put(number * number)


def multi(environ, start_response):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=square, args=(queue, 12))
    child.start()
    value = queue.get(timeout=30)
    child.join(30)
    return web.as_json(start_response, {"value": value, "code": child.exitcode})


def sub(environ, start_response):
    done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, timeout=15, check=False)
    return web.as_json(start_response, {"out": done.stdout.decode().strip(), "code": done.returncode})


def traced(environ, start_response):
    """A tracer set in the request sees the app's calls, as a debugger or coverage does."""
    seen = []

    def trace(frame, event, argument):
        seen.append(frame.f_code.co_name)

    def called():
        return 1
    sys.settrace(trace)
    try:
        called()
    finally:
        sys.settrace(None)
    return web.text(start_response, ",".join(seen))


VALID = {"/threads": threads, "/local": local, "/recursion": recursion, "/recursion/uncaught": recursion_uncaught,
         "/fork": fork, "/multiprocessing": multi, "/subprocess": sub, "/traced": traced, "/fork/exit": fork_exit}
