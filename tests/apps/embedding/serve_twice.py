"""serve() in the main thread returns after close() or an interrupt and can be called again."""
import logging
import os
import signal
import socket
import threading

import waitress
from check import get
from hello import app

logging.basicConfig(level=logging.INFO)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Watch(logging.Handler):
    """Tells when the server says that it serves."""

    def __init__(self):
        super().__init__()
        self.serving = threading.Event()

    def emit(self, record):
        if "Serving on" in record.getMessage():
            self.serving.set()


watch = Watch()
logging.getLogger("waitress").addHandler(watch)


def client(port, told):
    watch.serving.wait(15)
    told.append(get(port))
    os.kill(os.getpid(), signal.SIGINT)


for turn in range(2):
    watch.serving.clear()
    port, told = free_port(), []
    thread = threading.Thread(target=client, args=(port, told))
    thread.start()
    try:
        waitress.serve(app, listen="127.0.0.1:%d" % port)
    except KeyboardInterrupt:
        print("interrupt escaped")
    thread.join(15)
    print("turn", turn, *told[0])
print("handlers", signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
