"""serve() in the main thread returns after close() or an interrupt and can be called again."""
import os
import signal
import threading

import waitress
from check import Ports, get
from hello import app

ports = Ports()


def client(told):
    told.append(get(ports.next()))
    os.kill(os.getpid(), signal.SIGINT)


for turn in range(2):
    told = []
    thread = threading.Thread(target=client, args=(told,))
    thread.start()
    try:
        waitress.serve(app, listen="127.0.0.1:0")
    except KeyboardInterrupt:
        print("interrupt escaped")
    thread.join(30)
    print("turn", turn, *told[0])
print("handlers", signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
