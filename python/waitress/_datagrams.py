"""Log entries as datagrams, to syslog (RFC 3164) and to systemd's journal (its native protocol).

Nothing here waits: a receiver that does not read must not hold up the server, so what it does not take is lost, and counted in the next
entry that it does take.
"""
from __future__ import annotations

import errno
import logging
import os
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "waitress"
# syslog's facility of system services (LOG_DAEMON), times 8.
DAEMON = 3 * 8
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What every receiver takes; only used once the system has refused more.
SHORTENED = 16 * 1024


def priority(level: int) -> int:
    """syslog's severity of a level of Python's logging."""
    for least, severity in ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)):
        if level >= least:
            return severity
    return 7


class DatagramHandler(logging.Handler):
    """``connect`` gives a connected socket or raises OSError; ``encode`` makes an entry's bytes of a record and its text."""

    def __init__(self, connect: Callable[[], socket.socket], encode: Callable[[logging.LogRecord, str], bytes]) -> None:
        super().__init__()
        self._connect, self._encode = connect, encode
        self._socket: socket.socket | None = connect()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            if self._lost:
                text += f" ({self._lost} earlier entries were lost: nobody took them)"
            if self._send(record, text):
                self._lost = 0
            else:
                self._lost += 1
        except Exception:  # logging's own way: a bad entry never ends the program
            self.handleError(record)

    def close(self) -> None:
        self._disconnect()
        super().close()

    def _send(self, record: logging.LogRecord, text: str) -> bool:
        for _ in range(3):
            try:
                if self._socket is None:
                    self._socket = self._connect()
                self._socket.send(self._encode(record, text))
                return True
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno == errno.EMSGSIZE and len(text) > SHORTENED:
                    text = text[:SHORTENED] + " ..."
                else:
                    self._disconnect()  # the receiver was started anew, and has another socket of the same name
        return False

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def syslog(address: str, formatter: logging.Formatter | None) -> DatagramHandler:
    """``address``: the path of a unix socket, or udp://HOST[:PORT]. OSError with one line when it can't be reached."""
    if address.startswith("/"):
        host = ""
        connect = _to_path(address, "The syslog")
    else:
        name, port = _host_and_port(address[len("udp://") :])
        host = socket.gethostname() + " "
        connect = _to_host(address, name, port)

    def encode(record: logging.LogRecord, text: str) -> bytes:
        at = time.localtime(record.created)
        when = f"{MONTHS[at.tm_mon - 1]} {at.tm_mday:2d} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
        line = f"<{DAEMON + priority(record.levelno)}>{when} {host}{NAME}[{os.getpid()}]: {text}"
        return line.encode("utf-8", "backslashreplace").replace(b"\0", b"")

    handler = DatagramHandler(connect, encode)
    handler.setFormatter(formatter or logging.Formatter("%(name)s: %(message)s"))
    return handler


def journal(path: str, worker: str | None) -> DatagramHandler:
    """OSError with one line when there is no journal."""

    def encode(record: logging.LogRecord, text: str) -> bytes:
        fields = {
            "MESSAGE": text, "PRIORITY": str(priority(record.levelno)), "SYSLOG_IDENTIFIER": NAME, "SYSLOG_PID": str(os.getpid()),
            "LOGGER": record.name, "THREAD_NAME": record.threadName or "", "CODE_FILE": record.pathname, "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "", "WAITRESS_WORKER": worker or "",
        }  # fmt: skip
        return b"".join(_field(name, value) for name, value in fields.items() if value)

    handler = DatagramHandler(_to_path(path, "systemd's journal"), encode)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    # A value of several lines is told by its length: 64 bits, little-endian.
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def _to_path(path: str, what: str) -> Callable[[], socket.socket]:
    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.connect(path)
        except OSError as error:
            made.close()
            raise OSError(f"{what} at {path} can't be reached: {error.strerror}") from error
        return made

    return connect


def _to_host(address: str, host: str, port: int) -> Callable[[], socket.socket]:
    try:
        # Once: later a name server that is away would hold up the server.
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        raise OSError(f"The syslog at {address} can't be reached: {error.strerror or error}") from error

    def connect() -> socket.socket:
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        made.connect(where)  # of a datagram socket: nothing is sent
        return made

    return connect


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, "514"
    try:
        return host.strip("[]"), int(port) if port.isdigit() else socket.getservbyname(port, "udp")
    except OSError:
        raise OSError(f"The syslog at udp://{text} can't be reached: there is no service {port}") from None
