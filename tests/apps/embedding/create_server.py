"""create_server, run in a thread, stopped by close() from the main thread."""
import threading

from check import get, refused
from hello import app
from waitress import create_server
from waitress.server import create_server as same

server = create_server(app, host="127.0.0.1", port=0)
assert same is create_server or same.__name__ == "create_server"
print("port", server.effective_port.isdigit(), "host", server.effective_host)
thread = threading.Thread(target=server.run)
thread.start()
print(*get(server.effective_port))
server.close()
thread.join(30)
print("ended", not thread.is_alive(), "refused", refused(server.effective_port))
