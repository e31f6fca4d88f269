"""The control socket: what waitress-ctl says to the supervisor.

Receives connections of the owner only (folder, file mode, and on Linux the peer's user), and from each one JSON object per line,
``{"command": NAME, ...arguments}``; each is answered by one line, the result as an object, or ``{"error": TEXT}``, before the
next is read. Everything is bounded: clients, lines, times. All of it runs in the loop's thread and never waits: a client that
stalls is dropped.
"""
from __future__ import annotations

import json
import logging
import os
import socket
import stat

from waitress import _control_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from waitress.supervisor._loop import Loop, Timer

    # command(name, arguments, reply), as Supervisor.command: reply is called once with the result; {"error": text} is a refusal.
    Reply = Callable[[dict[str, Any]], object]
    Command = Callable[[str, dict[str, Any], Reply], None]

logger = logging.getLogger("waitress.supervisor")

COMMANDS = ("status", "workers", "add", "remove", "reload", "reopen", "stacks", "gc", "memory", "figures", "stack", "stop")
MAX_CLIENTS = 16
# A command is a few words.
MAX_LINE = 16 * 1024
# The stacks of hundreds of threads; more than this is cut off with an error.
MAX_ANSWER = 16 * 1024 * 1024
# Between two commands of one client (--watch asks every second), and for the taking of an answer.
IDLE_SECONDS = 30.0
STALL_SECONDS = 10.0
# A reload waits for the app's import, worker after worker.
COMMAND_SECONDS = 600.0
# The loop has no "writable": an answer larger than the kernel's buffer goes on in steps of this.
FLUSH_SECONDS = 0.02
# How soon a socket file that something removed (a sweeper of /tmp, an upgraded program that ended) is made again.
HEAL_SECONDS = 5.0


class Control:
    """The listening end. ``path`` None means the default place, and then what fails is a warning: a server serves without it too."""

    def __init__(self, loop: Loop, command: Command, path: str | None) -> None:
        """OSError, its text ready to print, when a stated ``path`` can't be used."""
        self.loop = loop
        self.command = command
        self.clients: set[Client] = set()
        self.path: str | None = None
        self._listener: socket.socket | None = None
        self._inode: tuple[int, int] | None = None
        self._heal_timer: Timer | None = None
        try:
            if path is None:
                self.path = _control_path.default()
                _control_path.sweep(os.path.dirname(self.path))
            else:
                self.path = os.path.abspath(path)
                _control_path.check_stated(self.path)
                self._check_free(self.path)
            self._open(self.path)
        except OSError as error:
            text = str(error) if error.strerror is None else f"The control socket {self.path} can't be opened: {error.strerror}"
            self._forget()
            if path is not None:
                raise OSError(text) from error
            logger.warning("%s; waitress-ctl will not find this server", text)
            return
        self._heal_timer = loop.call_later(HEAL_SECONDS, self._heal)

    def close(self) -> None:
        """Drop all clients and remove the file, unless it is another program's by now."""
        if self._heal_timer is not None:
            self._heal_timer.cancel()
        for client in list(self.clients):
            client.close()
        self._forget()

    def _open(self, path: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Under another name first: the socket appears in its place listening, with its mode, and replaces a stale one in one step.
        temporary = os.path.join(os.path.dirname(path), f".w{os.getpid()}")
        mask = os.umask(0o177)
        try:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            listener.bind(temporary)
            os.chmod(temporary, 0o600)
            listener.listen(MAX_CLIENTS)
            listener.setblocking(False)
            found = os.stat(temporary)
            os.rename(temporary, path)
        except BaseException:
            listener.close()
            raise
        finally:
            os.umask(mask)
        self._listener, self._inode = listener, (found.st_dev, found.st_ino)
        self.loop.add_reader(listener.fileno(), self._accept)

    def _check_free(self, path: str) -> None:
        if not os.path.lexists(path):
            return
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(f"The control socket {path} can't replace what is there: it is not a socket")
        owner = _control_path.listener(path)
        # None: of a server that was killed. The parent's is taken over: this program is its upgrade (SIGUSR2).
        if owner is not None and owner != os.getppid():
            raise OSError(f"The control socket {path} belongs to the running process {owner or ''}".rstrip())

    def _heal(self) -> None:
        self._heal_timer = self.loop.call_later(HEAL_SECONDS, self._heal)
        if self.path is None or os.path.lexists(self.path):
            return
        old, self._listener = self._listener, None
        try:
            self._open(self.path)
        except OSError:
            self._listener = old  # the folder is gone: try again
            return
        if old is not None:
            self.loop.remove_reader(old.fileno())
            old.close()

    def _forget(self) -> None:
        if self._listener is None:
            self.path = None
            return
        self.loop.remove_reader(self._listener.fileno())
        self._listener.close()
        try:
            found = os.lstat(self.path or "")
            if (found.st_dev, found.st_ino) == self._inode:
                os.unlink(self.path or "")
        except OSError:
            pass
        self._listener = self.path = None

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            fault = self._refusal(connection)
            if fault is None:
                self.clients.add(Client(self, connection))
            else:
                with connection:
                    try:
                        connection.send(answer({"error": fault}))
                    except OSError:
                        pass

    def _refusal(self, connection: socket.socket) -> str | None:
        if hasattr(socket, "SO_PEERCRED"):
            user = _control_path.peer(connection)[1]
            if user not in (0, os.geteuid()):
                logger.warning("User %d tried to use the control socket", user)
                return "Only the owner of the server may control it"
        return "Too many others are connected" if len(self.clients) >= MAX_CLIENTS else None


class Client:
    """One connection: reads a command, waits for its reply, sends it, reads the next."""

    def __init__(self, control: Control, connection: socket.socket) -> None:
        self._control, self._connection = control, connection
        self._received = bytearray()
        self._answer = memoryview(b"")
        self._turn = 0
        self._last = False
        self._timer = control.loop.call_later(IDLE_SECONDS, self.close)
        control.loop.add_reader(connection.fileno(), self._read)

    def close(self) -> None:
        self._turn += 1  # a reply still to come is nobody's
        self._timer.cancel()
        self._control.clients.discard(self)
        if self._connection.fileno() >= 0:
            self._control.loop.remove_reader(self._connection.fileno())
            self._connection.close()

    def _read(self) -> None:
        try:
            data = self._connection.recv(MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        self._next()

    def _next(self) -> None:
        line, end, rest = self._received.partition(b"\n")
        if len(line) > MAX_LINE:
            self._last = True
            self._received.clear()
            self._begin(lambda reply: reply({"error": f"The line is longer than {MAX_LINE} bytes"}))
        elif end:
            self._received = rest
            self._begin(lambda reply: obey(bytes(line), self._control.command, reply))
        else:
            self._restart_timer(IDLE_SECONDS)

    def _begin(self, run: Callable[[Reply], object]) -> None:
        # Nothing is read until the answer is on its way: the kernel's buffer is the bound.
        self._control.loop.remove_reader(self._connection.fileno())
        self._turn += 1
        turn = self._turn

        def reply(result: dict[str, Any]) -> None:
            if self._turn == turn:
                self._turn += 1
                self._send(result)

        self._restart_timer(COMMAND_SECONDS, lambda: reply({"error": "The server has not answered in time"}))
        run(reply)

    def _send(self, result: dict[str, Any]) -> None:
        self._answer = memoryview(answer(result))
        self._restart_timer(STALL_SECONDS)
        self._flush()

    def _flush(self) -> None:
        if self._connection.fileno() < 0:
            return
        try:
            while self._answer:
                self._answer = self._answer[self._connection.send(self._answer):]
                self._restart_timer(STALL_SECONDS)
        except BlockingIOError:
            self._control.loop.call_later(FLUSH_SECONDS, self._flush)
            return
        except OSError:
            self.close()
            return
        if self._last:
            self.close()
            return
        self._restart_timer(IDLE_SECONDS)
        self._control.loop.add_reader(self._connection.fileno(), self._read)
        if self._received:
            # From the loop: a client that sends many commands at once must not deepen the stack.
            turn = self._turn
            self._control.loop.call_later(0, lambda: self._next() if self._turn == turn else None)

    def _restart_timer(self, seconds: float, action: Callable[[], None] | None = None) -> None:
        self._timer.cancel()
        self._timer = self._control.loop.call_later(seconds, action or self.close)


def obey(line: bytes | str, command: Command, reply: Reply) -> None:
    """Have one line carried out; ``reply`` gets the result, or why there is none."""
    try:
        arguments = json.loads(line)
    except (ValueError, RecursionError):
        reply({"error": "The line is not JSON"})
        return
    name = arguments.pop("command", None) if isinstance(arguments, dict) else None
    if name not in COMMANDS:
        reply({"error": f"There is no such command; known are {', '.join(COMMANDS)}"})
        return
    try:
        command(name, arguments, reply)
    except Exception as error:
        logger.exception("The control command %s failed", name)
        reply({"error": f"{type(error).__name__}: {error}"})


def answer(result: dict[str, Any]) -> bytes:
    """The line that answers."""
    line = json.dumps(result).encode() + b"\n"
    return line if len(line) <= MAX_ANSWER else answer({"error": f"The answer is longer than {MAX_ANSWER} bytes"})
