"""A server of class interpreter whose workers are replaced one after the other under load; for the scripts beside it."""
import http.client
import logging
import threading

import waitress

CLIENTS = 4


def begin(app, **settings):
    """The server, which serves in a thread that is given too."""
    waitress.server.logger.setLevel(logging.WARNING)
    server = waitress.create_server(app, listen="127.0.0.1:0", worker_class="interpreter", workers=2, **settings)
    server.load()
    thread = threading.Thread(target=server.run)
    thread.start()
    return server, thread


def replace(server, turns, method, body, expected):
    """Replaces the oldest worker again and again while clients ask /echo for words; prints what they got and what was made."""
    stop = threading.Event()
    errors, counts = [], [0] * CLIENTS

    def client(index):
        connection = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=60)
        try:
            while not stop.is_set():
                word = f"{index}-{counts[index]}"
                connection.request(method, f"/echo?word={word}", body)
                response = connection.getresponse()
                answer = response.status, response.read().decode()
                if answer != (200, expected.format(word)):
                    errors.append(answer)
                counts[index] += 1
        except Exception as error:
            errors.append(error)
        connection.close()

    clients = [threading.Thread(target=client, args=(index,)) for index in range(CLIENTS)]
    for each in clients:
        each.start()
    names = [server.worker_names]
    for _ in range(turns):
        server.replace_worker(server.worker_names[0])
        names.append(server.worker_names)
    stop.set()
    for each in clients:
        each.join()
    print("errors", errors)
    print("all served", all(counts))
    print("made", len({name for pair in names for name in pair}), "at once", {len(pair) for pair in names})


def end(server, thread):
    server.close()
    thread.join()
    print("ended", not thread.is_alive())
