"""systemd's descriptor is taken by one server of the process, and by no second one."""
import os
import socket
import threading

from check import get
from hello import app
from waitress import create_server

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
port = listener.getsockname()[1]
os.dup2(listener.detach(), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="web")

first = create_server(app)
print("first", int(first.effective_port) == port)
print("left", [name for name in os.environ if name.startswith("LISTEN_")])
try:
    # The default address: free or not, it is not systemd's.
    second = create_server(app)
except OSError:
    print("second", False)
else:
    print("second", int(second.effective_port) == port)
    second.close()
thread = threading.Thread(target=first.run)
thread.start()
print(*get(port))
print("descriptor", socket.socket(fileno=os.dup(3)).getsockname()[1] == port)
first.close()
thread.join(30)
