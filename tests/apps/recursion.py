"""Recursion without end, or far too deep, through Python and through C code."""
import json
import pickle
import sys

import web


def plain(level):
    return 1 + plain(level + 1)


def through_builtin(level):
    return max([level], key=lambda _: through_builtin(level + 1))


class Itself:
    def __repr__(self):
        return repr(self)


def nested():
    value = []
    for _ in range(200_000):
        value = [value]
    return value


def limited(limit, call):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        call()
    finally:
        sys.setrecursionlimit(before)


WAYS = {
    "/plain": lambda: plain(0),
    "/plain/deep": lambda: limited(40_000, lambda: plain(0)),
    "/builtin": lambda: through_builtin(0),
    "/builtin/deep": lambda: limited(40_000, lambda: through_builtin(0)),
    "/repr/deep": lambda: limited(40_000, lambda: repr(Itself())),
    "/nested/repr": lambda: repr(nested()),
    "/nested/json": lambda: json.dumps(nested()),
    "/nested/pickle": lambda: pickle.dumps(nested()),
    "/nested/parse": lambda: json.loads("[" * 200_000),
    "/nested/compile": lambda: compile("(" * 200_000, "nested", "eval"),
}


def app(environ, start_response):
    way = WAYS.get(environ["PATH_INFO"])
    if way:
        way()
    return web.text(start_response, "Hello, World!\n")
