"""What the embedding scripts share: one request over a new connection, and the port that serve() has chosen."""
import http.client
import logging
import queue


def get(port, path="/hello", host="127.0.0.1"):
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


class Ports(logging.Handler):
    """The ports of the lines "Serving on", as they come. A script never chooses a port: what is free may be taken a moment later."""

    def __init__(self):
        super().__init__()
        self.found = queue.Queue()
        logger = logging.getLogger("waitress")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def emit(self, record):
        text = record.getMessage()
        if "Serving on" in text:
            self.found.put(int(text.rsplit(":", 1)[1]))

    def next(self):
        return self.found.get(timeout=30)


def refused(port):
    try:
        get(port)
    except OSError:
        return True
    return False
