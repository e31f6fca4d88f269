"""Several event loops in the one interpreter, as class thread has them on a free-threaded Python; here on any, which takes them by turns."""
import http.client
import threading

import asgi_interpreters
import waitress
from waitress import _event_loops

_event_loops.is_parallel = lambda: True
server = waitress.create_server(asgi_interpreters.app, listen="127.0.0.1:0", workers=2, graceful_timeout=5)
thread = threading.Thread(target=server.run)
server.load()
thread.start()
connections = [http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=60) for _ in range(4)]
seen = set()
for _ in range(20):
    for connection in connections:
        connection.request("GET", "/who")
        imported, loop, own_state = connection.getresponse().read().decode().split()
        seen.add((loop, own_state))
print("served by", sorted(seen))
print("tasks", len(server.tasks))
server.close()
thread.join()
print("left", sorted(each.name for each in threading.enumerate() if each.name.startswith("waitress")))
