"""Workers that start with what the processors have left."""
import os
import subprocess
import sys
import types
import unittest

from waitress.supervisor import _idle_start
from waitress.supervisor._loop import Loop

# A child of its own, and a thread beside the main one, both made before it says so.
STARTING = """
import subprocess, sys, threading
ready = threading.Event()
threading.Thread(target=lambda: (ready.set(), sys.stdin.read())).start()
ready.wait()
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
child.communicate()
"""


class FakeSystem:
    SCHED_OTHER, SCHED_IDLE = 0, 5
    sched_param = staticmethod(lambda priority: priority)

    def __init__(self, refuses=False):
        self.policies = {}
        self.refuses = refuses

    def sched_setscheduler(self, thread, policy, param):
        if self.refuses:
            raise PermissionError
        self.policies[thread] = policy

    def sched_getscheduler(self, thread):
        return self.policies.get(thread, 0)


class IdleStartTest(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.loop = Loop(lambda: self.now)
        self.addCleanup(self.loop.close)
        self.worker = types.SimpleNamespace(pid=os.getpid(), state="starting")  # its threads are real, what is set is not
        self.used = 0.0
        before = _idle_start._processor_seconds
        self.addCleanup(setattr, _idle_start, "_processor_seconds", before)
        _idle_start._processor_seconds = lambda pid: self.used

    def start(self, system, allowed=True):
        idle = _idle_start.IdleStart(self.loop, lambda: allowed, system)
        idle.begin(self.worker)
        return idle

    def second(self, used):
        self.now += 1.0
        self.used += used
        self.loop.turn(0)

    def test_worker_is_idle_until_it_serves(self):
        system = FakeSystem()
        idle = self.start(system)
        self.assertEqual(system.policies[os.getpid()], 5)
        idle.end(self.worker)
        self.assertEqual(system.policies[os.getpid()], 0)

    def test_worker_that_gets_little_is_helped_after_a_second(self):
        system = FakeSystem()
        self.start(system)
        self.second(used=0.8)
        self.second(used=0.6)
        self.assertEqual(system.policies[os.getpid()], 5)
        self.second(used=0.3)
        self.assertEqual(system.policies[os.getpid()], 0)

    def test_worker_that_is_gone_is_looked_at_no_more(self):
        system = FakeSystem()
        self.start(system)
        self.worker.state = "gone"
        system.policies[os.getpid()] = 5  # another process by now
        self.second(used=0.0)
        self.second(used=0.0)
        self.assertEqual(system.policies[os.getpid()], 5)

    def test_what_cannot_be_taken_back_is_not_begun(self):
        system = FakeSystem()
        self.start(system, allowed=False)
        self.assertEqual(system.policies, {})

    def test_system_that_refuses_is_left_alone(self):
        idle = self.start(FakeSystem(refuses=True))
        idle.end(self.worker)
        self.second(used=0.0)


class RealProcessTest(unittest.TestCase):
    def test_threads_and_children_are_like_the_others_afterwards(self):
        if not hasattr(os, "SCHED_IDLE"):
            self.assertFalse(_idle_start.can_return())
            return
        loop = Loop()
        self.addCleanup(loop.close)
        process = subprocess.Popen([sys.executable, "-c", STARTING], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            worker = types.SimpleNamespace(pid=process.pid, state="starting")
            idle = _idle_start.IdleStart(loop)
            idle.begin(worker)
            child = int(process.stdout.readline())
            everybody = [*map(int, os.listdir(f"/proc/{process.pid}/task")), child]
            self.assertGreaterEqual(len(everybody), 3)
            if _idle_start.can_return():
                self.assertEqual({os.sched_getscheduler(process.pid), os.sched_getscheduler(child)}, {os.SCHED_IDLE})
            idle.end(worker)
            self.assertEqual({os.sched_getscheduler(thread) for thread in everybody}, {os.SCHED_OTHER})
        finally:
            process.communicate()


if __name__ == "__main__":
    unittest.main()
