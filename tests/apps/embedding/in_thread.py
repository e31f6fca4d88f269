"""serve() in a daemon thread of a program that ends on its own: no signal handler is touched, the exit does not hang."""
import signal
import threading

import waitress
from check import Ports, get
from hello import app

ports = Ports()
threading.Thread(target=waitress.serve, args=(app,), kwargs={"listen": "127.0.0.1:0"}, daemon=True).start()
print(*get(ports.next()))
print("handlers", signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
