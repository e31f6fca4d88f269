"""What the test apps share: the query as a dict, plain answers, routes by path."""
import json
from urllib.parse import parse_qsl


def query(environ):
    return dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))


def text(start_response, body, status="200 OK"):
    payload = body.encode("latin-1")
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(payload)))])
    return [payload]


def as_json(start_response, value):
    payload = json.dumps(value).encode("ascii")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(payload)))])
    return [payload]


def pattern(size, start=0):
    """Bytes whose value tells their offset, so that a lost, doubled or moved byte changes them."""
    block = bytes(i * 7 % 251 for i in range(251))
    turn = block[start % 251:] + block[:start % 251]
    return (turn * (size // 251 + 1))[:size]
