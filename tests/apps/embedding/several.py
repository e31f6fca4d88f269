"""Three servers in one process, two apps; one closes, the others go on."""
import threading

import web
from check import get, refused
from waitress import create_server


def named(name):
    return lambda environ, start_response: web.text(start_response, name)


servers = [create_server(named("app %d" % number), listen="127.0.0.1:0", threads=2) for number in range(3)]
threads = [threading.Thread(target=server.run) for server in servers]
for thread in threads:
    thread.start()
print([get(server.effective_port)[1] for server in servers])
servers[1].close()
threads[1].join(30)
print(threads[1].is_alive(), refused(servers[1].effective_port), get(servers[0].effective_port)[1], get(servers[2].effective_port)[1])
for server in servers:
    server.close()
for thread in threads:
    thread.join(30)
print([thread.is_alive() for thread in threads])
