"""Forks of a program around its servers: before the first one children may serve, later they may do everything else."""
import multiprocessing
import os
import sys
import threading
import time

import waitress
from check import get
from hello import app

fork = multiprocessing.get_context("fork")


def serve(pipe):
    server = waitress.create_server(app, listen="127.0.0.1:0")
    pipe.send(server.effective_port)
    server.run()


parent, pipe = fork.Pipe()
child = fork.Process(target=serve, args=(pipe,))
child.start()
status, text = get(parent.recv())
child.terminate()
child.join(30)
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
child.join(30)
print("terminated", child.exitcode)
print(*get(server.effective_port))
server.close()
thread.join(30)
