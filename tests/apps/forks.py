"""Apps that fork: what the child does is in the path, how it ended is in the parent's answer."""
import multiprocessing
import os
import sys
import time

import web
from mark import mark
from waits import pass_gate


def code_of(child):
    """The child's exit code, -9 for one that had to be killed because it hung."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused(call):
    """Leaves the child: 21 when the engine refused the call, 22 when it did not."""
    try:
        call()
    except RuntimeError as error:
        os._exit(21 if "forked child" in str(error) else 23)
    os._exit(22)


def back(environ, start_response):
    """start_response, then the fork: the child returns a whole answer, which must go nowhere."""
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    child = os.fork()
    if child == 0:
        if environ["QUERY_STRING"] == "write":
            refused(lambda: write(b"child"))
        if environ["QUERY_STRING"] == "large":
            return iter([b"child" * 100_000] * 3)
        return [b"child"]
    return [str(code_of(child)).encode()]


def inside(environ, start_response):
    """The fork inside the iterable."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def blocks():
        yield b"first "
        child = os.fork()
        yield b"child" if child == 0 else str(code_of(child)).encode()
        if child == 0:
            mark("the child went on")
    return blocks()


def leave(how, environ, start_response):
    if how == "os-exit":
        garbage = [{} for _ in range(10_000)]
        del garbage, environ, start_response  # frees objects of the engine in the child
        os._exit(3)
    if how == "raise":
        raise ValueError("raised in the child")
    if how == "sys-exit":
        sys.exit(9)
    if how == "sys-exit-text":
        sys.exit("the child says why")
    if how == "start":
        refused(lambda: start_response("200 OK", []))
    if how == "gone":
        refused(environ["waitress.client_disconnected"])
    if how == "serve":
        import waitress
        refused(lambda: waitress.serve(leave, listen="127.0.0.1:0"))
    if how == "again":
        child = os.fork()
        os._exit(5 if child == 0 else code_of(child) + 1)
    raise KeyError(how)


def ways(environ, start_response):
    child = os.fork()
    if child == 0:
        leave(environ["PATH_INFO"].rpartition("/")[2], environ, start_response)
    return web.text(start_response, str(code_of(child)))


def terminate(environ, start_response):
    """multiprocessing's terminate() of a child of a moment's age."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    # Process.start() in another thread polls every child: it may reap this one between the wait of join() and the note
    # of the result, and join() then returns without one. The note follows at once.
    deadline = time.monotonic() + 30
    while child.exitcode is None and time.monotonic() < deadline:
        child.join(0.01)
    code = child.exitcode
    child.kill()
    return web.text(start_response, str(code))


def square(number):
    return number * number


def pool(environ, start_response):
    with multiprocessing.get_context("fork").Pool(2) as workers:
        return web.text(start_response, str(sum(workers.map(square, range(10)))))


def system(environ, start_response):
    return web.text(start_response, str(os.waitstatus_to_exitcode(os.system("exit 4"))))


def outlive(environ, start_response):
    """A child that stays behind its parent, until the test opens the gate."""
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        pass_gate(web.query(environ)["gate"])
        os._exit(0)
    return web.text(start_response, str(child))


ROUTES = {"/back": back, "/inside": inside, "/terminate": terminate, "/pool": pool, "/system": system, "/outlive": outlive}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hello":
        return web.text(start_response, "Hello, World!\n")
    return ROUTES.get(path, ways)(environ, start_response)
