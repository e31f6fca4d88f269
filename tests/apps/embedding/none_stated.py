"""Keywords that are None as in Waitress's own defaults: not stated."""
import threading

from check import get
from hello import app
from waitress import create_server

server = create_server(app, listen="127.0.0.1:0", trusted_proxy=None, sockets=None)
thread = threading.Thread(target=server.run)
thread.start()
print(*get(server.effective_port))
server.close()
thread.join(30)
