"""What systemd does for a socket unit: binds, listens, hands descriptor 3 over by exec."""
import os
import socket
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
print("bound", listener.getsockname()[1], flush=True)
os.execv(sys.executable, [sys.executable, "-m", "waitress", *sys.argv[1:]])
