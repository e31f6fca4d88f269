"""A collector for tests: takes OTLP over HTTP (binary Protocol Buffers) on a free port of 127.0.0.1.

`otlp_receiver.py [STATUS...]`: the first requests are answered with these, and with `Retry-After: 0`; the rest with 200. The first line on standard output
is the port, then one line of JSON per request: its path, headers, the status it got, the resource, and its spans or metrics. Whatever is not as
opentelemetry-proto has it ends the line with an error. Knows the format by the tables below and by nothing of the server's.
"""
from __future__ import annotations

import gzip
import json
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Field numbers of opentelemetry/proto/*/v1: name, then what it is; a dict is a nested message, a list around it: repeated.
VALUE = {1: ("string", str), 3: ("int", int)}
PAIR = {1: ("key", str), 2: ("value", VALUE)}
RESOURCE = {1: ("attributes", [PAIR])}
SCOPE = {1: ("name", str), 2: ("version", str)}
SPAN = {
    1: ("trace_id", bytes), 2: ("span_id", bytes), 3: ("trace_state", str), 4: ("parent_span_id", bytes), 5: ("name", str), 6: ("kind", int), 7: ("start", int),
    8: ("end", int), 9: ("attributes", [PAIR]), 15: ("status", {2: ("message", str), 3: ("code", int)}), 16: ("flags", int),
}
NUMBER_POINT = {2: ("start", int), 3: ("time", int), 4: ("double", float), 6: ("int", int), 7: ("attributes", [PAIR])}
HISTOGRAM_POINT = {2: ("start", int), 3: ("time", int), 4: ("count", int), 5: ("sum", float), 6: ("buckets", "Q"), 7: ("bounds", "d"), 9: ("attributes", [PAIR])}
METRIC = {
    1: ("name", str), 2: ("description", str), 3: ("unit", str), 5: ("gauge", {1: ("points", [NUMBER_POINT])}),
    7: ("sum", {1: ("points", [NUMBER_POINT]), 2: ("temporality", int), 3: ("monotonic", int)}),
    9: ("histogram", {1: ("points", [HISTOGRAM_POINT]), 2: ("temporality", int)}),
}
REQUESTS = {
    "/v1/traces": {1: ("resources", [{1: ("resource", RESOURCE), 2: ("scopes", [{1: ("scope", SCOPE), 2: ("spans", [SPAN])}])}])},
    "/v1/metrics": {1: ("resources", [{1: ("resource", RESOURCE), 2: ("scopes", [{1: ("scope", SCOPE), 2: ("metrics", [METRIC])}])}])},
}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def read(data, table):
    message = {name: [] for name, kind in table.values() if isinstance(kind, list)}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            raw, at = varint(data, at)
        elif tag & 7 == 2:
            length, at = varint(data, at)
            raw, at = data[at : at + length], at + length
            if len(raw) != length:
                raise ValueError("a field is longer than its message")
        else:
            size = {1: 8, 5: 4}[tag & 7]
            raw, at = data[at : at + size], at + size
        name, kind = table[tag >> 3]
        if isinstance(kind, list):
            message[name].append(read(raw, kind[0]))
            continue
        if name in message:
            raise ValueError(f"{name} is there twice")
        message[name] = value(raw, kind)
    attributes = message.get("attributes")
    if attributes is not None:
        message["attributes"] = {pair["key"]: next(iter(pair["value"].values())) for pair in attributes}
        if len(message["attributes"]) != len(attributes):
            raise ValueError("an attribute is there twice")
    return message


def value(raw, kind):
    if isinstance(kind, dict):
        return read(raw, kind)
    if kind is str:
        return raw.decode("utf-8")
    if kind is bytes:
        return raw.hex()
    if kind is float:
        return struct.unpack("<d", raw)[0]
    if kind is int:
        return raw if isinstance(raw, int) else int.from_bytes(raw, "little")
    return list(struct.unpack(f"<{len(raw) // 8}{kind}", raw))


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: list[int] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        status = self.answers.pop(0) if self.answers else 200
        told = {"path": self.path, "status": status, "headers": {name.lower(): value for name, value in self.headers.items()}}
        try:
            (resource,) = read(body, REQUESTS[self.path])["resources"]
            (scope,) = resource["scopes"]
            told.update(scope, resource=resource["resource"]["attributes"])
        except Exception as error:
            told["error"] = repr(error)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status != 200:
            self.send_header("Retry-After", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    Collector.answers = [int(status) for status in sys.argv[1:]]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
