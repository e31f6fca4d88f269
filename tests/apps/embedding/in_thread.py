"""serve() in a daemon thread of a program that ends on its own: no signal handler is touched, the exit does not hang."""
import logging
import signal
import threading

import waitress
from check import get
from hello import app

logger = logging.getLogger("waitress")
logger.setLevel(logging.INFO)
ports = []
ready = threading.Event()


class Watch(logging.Handler):
    def emit(self, record):
        text = record.getMessage()
        if "Serving on" in text:
            ports.append(text.rsplit(":", 1)[1])
            ready.set()


logger.addHandler(Watch())
threading.Thread(target=waitress.serve, args=(app,), kwargs={"listen": "127.0.0.1:0"}, daemon=True).start()
ready.wait(15)
print(*get(ports[0]))
print("handlers", signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
