"""Whether an installed wheel serves on this platform: smoke_test.py REPOSITORY, with the Python it is installed in.

Starts ``python -m waitress`` with the example app on a free port of loopback, sends what every platform has to answer, stops it the way that
platform stops programs, and looks at the exit code. Exits with 1 and the server's log when something is wrong.
"""
from __future__ import annotations

import http.client
import os
import queue
import re
import signal
import subprocess
import sys
import threading

SECONDS = 60.0
BODY = os.urandom(3_000_000)  # beyond inbuf_overflow: through a temporary file

APP = '''
import hashlib

def app(environ, start_response):
    digest = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(digest)))])
    return [digest]

def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"%d," % number for number in range(1000))

def both(environ, start_response):
    return (stream if environ["PATH_INFO"] == "/stream" else app)(environ, start_response)
'''


def main(root: str) -> int:
    with open("smoke_app.py", "w", encoding="utf-8") as file:
        file.write(APP)
    flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {}
    control = f"waitress-smoke-{os.getpid()}"  # a pipe on Windows, elsewhere a socket in this folder
    for arguments in (["examples.hello:app"], [f"--control-socket={control}", "smoke_app:both"], *([] if os.name == "nt" else [["-w", "2", "-k", "process", "smoke_app:both"]])):
        server = subprocess.Popen(
            [sys.executable, "-m", "waitress", "--listen=127.0.0.1:0", *arguments], stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.getcwd(), os.environ.get("PYTHONPATH")]))}, **flags,
        )  # fmt: skip
        log: list[str] = []
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=read, args=(server, log, lines), daemon=True)
        reader.start()
        try:
            ask(port(lines), "smoke_app" in arguments[-1])
            if "control-socket" in arguments[0]:
                told = subprocess.run(
                    [sys.executable, "-m", "waitress.ctl", "--socket", control, "workers", "--json"], capture_output=True, text=True, timeout=SECONDS)
                assert told.returncode == 0 and f'"pid": {server.pid}' in told.stdout, f"waitress-ctl: {told.stdout}{told.stderr}"
            server.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else signal.SIGTERM)
            code = server.wait(SECONDS)
            assert code == 0, f"exit code {code}"
            reader.join(SECONDS)
        except Exception as error:
            server.kill()
            server.wait()
            reader.join(SECONDS)
            print("".join(log), f"{arguments}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        print(f"{' '.join(arguments)}: served and stopped")
    return 0


def read(server: subprocess.Popen[str], log: list[str], lines: queue.Queue[str]) -> None:
    assert server.stderr is not None
    for line in server.stderr:
        log.append(line)
        lines.put(line)
    lines.put("")


def port(lines: queue.Queue[str]) -> int:
    while True:
        line = lines.get(timeout=SECONDS)
        found = re.search(r"Serving on http://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found[1])
        if not line:
            raise OSError("it ended before it served")


def ask(number: int, ours: bool) -> None:
    import hashlib

    client = http.client.HTTPConnection("127.0.0.1", number, timeout=SECONDS)
    for _ in range(20):
        client.request("GET", "/")
        answer = client.getresponse()
        text = answer.read()
        assert answer.status == 200, answer.status
    if not ours:
        assert text == b"Hello, world!\n", text
        return
    client.request("POST", "/", BODY)
    assert client.getresponse().read() == hashlib.sha256(BODY).hexdigest().encode()
    client.request("GET", "/stream")
    assert client.getresponse().read() == b"".join(b"%d," % each for each in range(1000))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
