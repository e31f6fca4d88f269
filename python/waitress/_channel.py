"""The control channel between supervisor and worker: a JSON object per line over a socket pair."""
from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The stacks of ten thousand threads fit; a line beyond it is a fault of the other side.
LONGEST_LINE = 64 * 1024 * 1024


def encode(message: dict[str, Any]) -> bytes:
    # ASCII: a lone surrogate in an app's text must not make the message impossible to send.
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


class Lines:
    """Bytes as they arrive in, whole messages out."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Raises ValueError for what is no message."""
        seen = len(self._rest)
        self._rest += data
        if self._rest.find(b"\n", seen) < 0:
            if len(self._rest) > LONGEST_LINE:
                raise ValueError("A message is too long")
            return []
        *lines, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        messages = [json.loads(bytes(line)) for line in lines if line]
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("A message is not an object")
        return messages
