"""A collector that looks at nothing: takes what is posted to 127.0.0.1, answers 200, and says at its end how much it was.

    python3 bench/otlp_sink.py 4318 &
    python3 bench/versus.py --rounds 8 "off=python" "on=python --otlp-endpoint=http://127.0.0.1:4318"
"""
from __future__ import annotations

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    messages = received = 0

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.rfile.read(length)
        Sink.messages += 1
        Sink.received += length
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
    except KeyboardInterrupt:
        print(f"{Sink.messages} messages, {Sink.received} bytes")
