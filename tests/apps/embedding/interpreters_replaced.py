"""Workers of class interpreter are replaced one after the other under load: every response is right, each one is made anew."""
import http.client
import logging
import sys
import threading

import waitress

CLIENTS, TURNS = 4, int(sys.argv[1])
waitress.server.logger.setLevel(logging.WARNING)
server = waitress.create_server("interpreters:app", listen="127.0.0.1:0", worker_class="interpreter", workers=2, threads=2)
server.load()
thread = threading.Thread(target=server.run)
thread.start()
stop = threading.Event()
errors, counts = [], [0] * CLIENTS


def get(connection, path):
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def client(index):
    connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=20)
    try:
        while not stop.is_set():
            word = f"{index}-{counts[index]}"
            answer = get(connection, f"/echo?word={word}")
            if answer != (200, word):
                errors.append(answer)
            counts[index] += 1
    except Exception as error:
        errors.append(error)
    connection.close()


clients = [threading.Thread(target=client, args=(index,)) for index in range(CLIENTS)]
for each in clients:
    each.start()
names = [server.worker_names]
for _ in range(TURNS):
    server.replace_worker(server.worker_names[0])
    names.append(server.worker_names)
stop.set()
for each in clients:
    each.join()
print("errors", errors)
print("all served", all(counts))
print("made", len({name for pair in names for name in pair}), "at once", {len(pair) for pair in names})
server.close()
thread.join()
print("ended", not thread.is_alive())
