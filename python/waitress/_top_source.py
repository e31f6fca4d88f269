"""Where waitress-ctl top has its figures from: the control socket of a supervisor, or the admin address. Both say what docs/status.md describes."""
from __future__ import annotations

import http.client
import json
import socket

from waitress._control_client import Connection, ControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The server itself waits two seconds for a worker that hangs.
SECONDS = 6.0
MAX_ANSWER = 32 * 1024 * 1024


class FromSupervisor:
    """A connection per question: a kept one would be dropped between two slow looks, and after a failure bring a late answer."""

    def __init__(self, path: str) -> None:
        self._path = path

    def figures(self) -> dict[str, Any]:
        return self._ask("figures")

    def stack(self, worker: int, request: int) -> str | None:
        """None: it has ended, or no thread has it."""
        return self._ask("stack", worker=worker, request=request)["stack"]

    def _ask(self, command: str, **arguments: object) -> dict[str, Any]:
        with Connection(self._path, SECONDS) as connection:
            return connection.ask(command, **arguments)


class FromAdmin:
    """``address`` as ``admin_listen`` has it: HOST:PORT, a port alone, unix:PATH; or the URL that the server's log says."""

    def __init__(self, address: str) -> None:
        self._address = address
        address = address.removeprefix("http://").removesuffix("/")
        self._path = address[len("unix:"):] if address.startswith("unix:") else None
        host, colon, port = address.lstrip(":").rpartition(":")
        if self._path is None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536 and (host or not colon)):
            raise ControlError(f"Error: {self._address} is not an address; HOST:PORT, PORT and unix:PATH are", 2)
        if self._path is not None and not hasattr(socket, "AF_UNIX"):
            raise ControlError("Error: There are no unix sockets here", 2)
        self._host, self._port = host.strip("[]") or "127.0.0.1", 0 if self._path is not None else int(port)

    def figures(self) -> dict[str, Any]:
        status, body = self._get("/status.json")
        if status == 200:
            try:
                figures = json.loads(body)
            except ValueError:
                figures = None
            if isinstance(figures, dict):
                return figures
        raise ControlError(f"Error: {self._address} answers, but not with /status.json of a server of ours (status {status})")

    def stack(self, worker: int, request: int) -> str | None:
        status, body = self._get(f"/stack?worker={worker}&id={request}")
        if status in (200, 404):
            return body.decode("utf-8", "replace") if status == 200 else None
        raise ControlError(f"Error: {body.decode('utf-8', 'replace').strip()}")

    def _get(self, target: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        if self._path is not None:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(SECONDS)
        try:
            if self._path is not None:
                connection.sock.connect(self._path)
            # By its number, as the admin address wants it where it is this machine's alone.
            connection.request("GET", target, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(MAX_ANSWER)
        except TimeoutError as error:
            raise ControlError("Error: The server does not answer") from error
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise ControlError(f"Error: No server answers at {self._address}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ControlError(f"Error: {self._address}: {error}") from error
        finally:
            connection.close()
