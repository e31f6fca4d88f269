"""The apps that bench/workers.py serves; apart from it, so that what it imports is not counted as memory of a worker."""
import os
import time


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]


def sleepy(environ, start_response):
    time.sleep(0.01)
    return hello(environ, start_response)


def which(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def flask():
    from flask import Flask, jsonify

    app = Flask("bench")
    app.add_url_rule("/", view_func=lambda: jsonify(message="Hello, World!", numbers=list(range(10))))
    return app


def _compute():
    total = 0
    for number in range(30_000):
        total += number * number
    return total


def computing(environ, start_response):
    _compute()
    return hello(environ, start_response)


def waiting(environ, start_response):
    time.sleep(0.02)
    return hello(environ, start_response)


def mixed(environ, start_response):
    _compute()
    time.sleep(0.01)
    return hello(environ, start_response)
