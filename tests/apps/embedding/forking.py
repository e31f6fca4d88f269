"""Forks of a program around its servers: before the first one children may serve, later they may do everything else."""
import multiprocessing
import os
import socket
import sys
import threading
import time

import waitress
from check import get, refused
from hello import app

fork = multiprocessing.get_context("fork")

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
child = fork.Process(target=waitress.serve, args=(app,), kwargs={"listen": "127.0.0.1:%d" % port, "_quiet": True})
child.start()
end = time.monotonic() + 15
while refused(port) and time.monotonic() < end:
    time.sleep(0.01)
status, text = get(port)
child.terminate()
child.join(15)
print("child served", status, text.strip(), child.exitcode, flush=True)

server = waitress.create_server(app, listen="127.0.0.1:0")
thread = threading.Thread(target=server.run)
thread.start()
get(server.effective_port)
for how, call in (("return", None), ("close", server.close), ("serve", lambda: waitress.serve(app, listen="127.0.0.1:0"))):
    pid = os.fork()
    if pid == 0:
        try:
            if call:
                call()
        except RuntimeError as error:
            print(how, "refused" if "forked child" in str(error) else error, end=" ", flush=True)
        sys.exit(4)  # the whole way out: exit hooks and the interpreter's end
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code if call else "return %d" % code, flush=True)

child = fork.Process(target=time.sleep, args=(60,))
child.start()
child.terminate()
child.join(15)
print("terminated", child.exitcode)
print(*get(server.effective_port))
server.close()
thread.join(15)
