"""The other end of a control socket (waitress.supervisor._control, waitress._alone_control)."""
from __future__ import annotations

import io
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_SECONDS = 5.0
# A reload waits for the app's import in each worker.
ANSWER_SECONDS = 600.0
MAX_ANSWER = 32 * 1024 * 1024


class ControlError(Exception):
    """The text is for the person at the terminal."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Connection:
    """One connection to a server; commands one after the other."""

    def __init__(self, path: str, seconds: float = ANSWER_SECONDS) -> None:
        if os.name == "nt":
            self._socket: socket.socket | Pipe = Pipe(path)
            self._file = self._socket.makefile("rb")
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_SECONDS)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise ControlError(f"Error: {_no_connection(path, error)}") from error
        self._socket.settimeout(seconds)
        self._file = self._socket.makefile("rb")

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """The result; ControlError when the server says no, ends, or does not answer."""
        try:
            self._socket.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            line = self._file.readline(MAX_ANSWER)
        except TimeoutError as error:
            raise ControlError("Error: The server does not answer") from error
        except OSError as error:
            raise ControlError(f"Error: The server has gone: {error.strerror}") from error
        if not line.endswith(b"\n"):
            raise ControlError("Error: The server has gone, or dropped the connection")
        try:
            answer = json.loads(line)
            text = answer.get("error")
        except (ValueError, AttributeError) as error:
            raise ControlError("Error: What listens there is not a server of ours") from error
        if text is not None:
            # What failed first and whole (a traceback), then what it means.
            raise ControlError("\n".join(filter(None, (answer.get("detail"), f"Error: {text}"))))
        return answer

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._socket.close()


class Pipe:
    """A named pipe of Windows, as far as Connection needs a socket. Waits for an answer without an end: a file has no timeout."""

    def __init__(self, name: str) -> None:
        import _winapi

        from waitress import _control_path

        path = _control_path.PIPES + _control_path.pipe_name(name)
        try:
            _winapi.WaitNamedPipe(path, int(CONNECT_SECONDS * 1000))
            self._raw = open(path, "r+b", buffering=0)
        except OSError as error:
            raise ControlError(f"Error: {_no_connection(path, error)}") from error

    def sendall(self, data: bytes) -> None:
        while data:
            data = data[self._raw.write(data):]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw)

    def close(self) -> None:
        self._raw.close()


def _no_connection(path: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{path}: only the owner of the server may control it"
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return f"No server answers at {path}"
    return f"{path}: {error.strerror or error}"
