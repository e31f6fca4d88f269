"""A control socket to ask, whose supervisor a test plays."""
import contextlib
import io
import json
import os
import socket
import tempfile
import threading
import unittest
from unittest import mock

if os.name == "nt":
    raise unittest.SkipTest("there is no supervisor on Windows")

from waitress import _control_path, ctl
from waitress.supervisor._control import Control
from waitress.supervisor._loop import Loop

WORKER = {"name": "3", "pid": 4711, "state": "serving", "requests": 12, "in_flight": 1, "queue": 0, "rss": 30 << 20, "age": 3725.5}
STATUS = {"listen": [["127.0.0.1", "8080"]], "pid": 4700, "state": "serving", "generation": 2, "uptime": 61, "workers": [WORKER]}


class CtlCase(unittest.TestCase):
    def ctl(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = ctl.main(list(arguments))
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()


class ControlCase(unittest.TestCase):
    """A control socket with its loop in a thread; commands are answered by self.answers, or kept in self.open."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o700)
        self.path = os.path.join(self.folder, "control.sock")
        environ = mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": self.folder})
        environ.start()
        self.addCleanup(environ.stop)
        os.environ.pop("WAITRESS_CONTROL_SOCKET", None)
        # Other servers of this user on this machine are none of ours.
        for patch in (mock.patch.object(_control_path, "RUN", "/no/such"), mock.patch("tempfile.gettempdir", return_value=self.folder)):
            patch.start()
            self.addCleanup(patch.stop)
        self.asked = []
        self.answers = {"status": STATUS, "workers": {"workers": [WORKER]}, "add": {"error": "There are 8 workers already, and max_workers is 8"}}
        self.open = []
        self.opened = threading.Event()

    def command(self, name, arguments, reply):
        self.asked.append((name, arguments))
        if name in self.answers:
            reply(self.answers[name])
        else:
            self.open.append(reply)
            self.opened.set()

    def start(self, path="stated"):
        """Opens a control socket and turns its loop in a thread until the test ends."""
        loop = Loop()
        control = Control(loop, self.command, self.path if path == "stated" else path)
        stop = threading.Event()
        wake, wake_end = socket.socketpair()
        loop.add_reader(wake.fileno(), lambda: wake.recv(1))

        def turn():
            while not stop.is_set():
                loop.turn(None)
            control.close()

        thread = threading.Thread(target=turn)
        thread.start()

        def end():
            if not stop.is_set():
                stop.set()
                wake_end.send(b"x")
                thread.join(10)
                loop.close()
                wake.close()
                wake_end.close()

        self.addCleanup(end)
        self.end = end
        return control

    def loop(self):
        loop = Loop()
        self.addCleanup(loop.close)
        return loop

    def connect(self, path=None):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(client.close)
        client.settimeout(10)
        client.connect(path or self.path)
        return client

    def line(self, client):
        data = b""
        while not data.endswith(b"\n"):
            more = client.recv(1 << 20)
            if not more:
                raise EOFError(data)
            data += more
        return json.loads(data)

    def ask(self, client, text):
        client.sendall(text if isinstance(text, bytes) else json.dumps(text).encode() + b"\n")
        return self.line(client)
