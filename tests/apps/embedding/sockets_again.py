"""sockets=: the caller's socket stays the caller's, so one server after the other can serve on it."""
import socket
import threading

from check import get
from hello import app
from waitress import create_server

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    for turn in range(3):
        server = create_server(app, sockets=[listener])
        thread = threading.Thread(target=server.run)
        thread.start()
        # Several: the first may be there before the server waits for connections, the others wake it.
        answers = {get(listener.getsockname()[1]) for _ in range(5)}
        print("turn", turn, answers)
        server.close()
        thread.join(30)
    print("open", listener.fileno() >= 0)
