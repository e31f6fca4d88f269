"""serve() again and again in the main thread: nothing grows."""
import gc
import os
import signal
import threading

import waitress
from check import Ports, get
from hello import app

ports = Ports()


def client():
    get(ports.next())
    os.kill(os.getpid(), signal.SIGTERM)


def state():
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return threading.active_count(), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), pages


states = []
for turn in range(110):
    thread = threading.Thread(target=client)
    thread.start()
    waitress.serve(app, listen="127.0.0.1:0")
    thread.join(30)
    states.append(state())
early, late = states[9], states[-1]
print("threads", late[0] - early[0], "descriptors", late[1] - early[1])
# .NET's pool may start a thread or two more in a hundred turns; one per turn would be 100.
print("system threads", late[2] - early[2] < 10)
# 100 turns within 8 MiB: what one server allocates is collected some turns later.
print("memory", (late[3] - early[3]) * os.sysconf("SC_PAGESIZE") < 8 << 20 or (early, late))
