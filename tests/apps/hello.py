"""The smallest app, its factory, and what a command line may name wrongly."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, World!\n"]


def factory():
    return app


class Holder:
    inner = staticmethod(app)
