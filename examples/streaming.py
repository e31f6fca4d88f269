"""Sends a line per second while the client listens. Run: ./waitress-serve --port=8080 --threads=8 examples.streaming:app

Then: curl -N http://localhost:8080/
Each listener holds one thread for as long as it streams: give as many threads as there are listeners, and some more.
"""
import time


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
    return ticks(environ.get("waitress.client_disconnected"))


def ticks(client_disconnected, count=60):
    for number in range(count):
        # True once the client has closed its connection, so that the thread is free for the next listener.
        if client_disconnected is not None and client_disconnected():
            return
        yield f"tick {number}\n".encode()
        time.sleep(1)
