"""sockets=: bound by the caller, served by us; a mixture is refused."""
import os
import socket
import tempfile
import threading

from check import get
from hello import app
from waitress import create_server

inet = [socket.socket() for _ in range(2)]
for each in inet:
    each.bind(("127.0.0.1", 0))
server = create_server(app, sockets=inet)
thread = threading.Thread(target=server.run)
thread.start()
print([get(each.getsockname()[1])[0] for each in inet], len(server.effective_listen))
server.close()
thread.join(30)

with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as unix:
    unix.bind(os.path.join(folder, "s"))
    try:
        create_server(app, sockets=[inet[0], unix])
    except ValueError:
        print("mixed refused")
