"""`http2_hints.py HOST PORT MANY [CA]`: so many requests at once with Debian's python3-h2, every other one for early hints, the others for heads that need
CONTINUATION frames. Reads in small pieces, so that the server has to wait now and then. Prints the links that came before each answer, and the numbers of the statuses.
"""
from __future__ import annotations

import collections
import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events

MANY = int(sys.argv[3])
AT_ONCE = 20

sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
sock.settimeout(40)
sock.connect((sys.argv[1], int(sys.argv[2])))
if len(sys.argv) > 4:
    context = ssl.create_default_context(cafile=sys.argv[4])
    context.set_alpn_protocols(["h2"])
    sock = context.wrap_socket(sock, server_hostname="localhost")
connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
connection.initiate_connection()
connection.increment_flow_control_window(1 << 30)
hints, statuses, bodies = collections.defaultdict(list), {}, collections.Counter()
begun = 0
ended: set[int] = set()


def fill() -> None:
    global begun
    while begun < MANY and begun - len(ended) < AT_ONCE:
        stream = connection.get_next_available_stream_id()
        path = "/hints?many=5" if begun % 2 else "/large-head"
        connection.send_headers(stream, [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", path)], end_stream=True)
        begun += 1
    sock.sendall(connection.data_to_send())


fill()
while len(ended) < MANY:
    data = sock.recv(2000)
    assert data, "the server has closed the connection"
    for event in connection.receive_data(data):
        if isinstance(event, h2.events.InformationalResponseReceived):
            assert event.stream_id not in statuses
            fields = [(str(name), value) for name, value in event.headers]
            assert fields[0] == (":status", "103") and all(name == "link" for name, _ in fields[1:]), fields
            hints[event.stream_id] += [value for name, value in fields if name == "link"]
        elif isinstance(event, h2.events.ResponseReceived):
            statuses[event.stream_id] = dict(event.headers)[":status"]
        elif isinstance(event, h2.events.DataReceived):
            bodies[event.data] += 1
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            ended.add(event.stream_id)
        assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
    fill()
print(json.dumps({
    "statuses": collections.Counter(statuses.values()), "hinted": len(hints),
    "links": collections.Counter(len(links) for links in hints.values()), "first": hints[3],
}))
