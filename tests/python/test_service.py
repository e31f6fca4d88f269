"""What ties the supervisor to the outside, with a stand-in for the supervisor."""
import os
import socket
import tempfile
import types
import unittest
from unittest import mock

if os.name == "nt":
    raise unittest.SkipTest("there is no supervisor on Windows")

from waitress._notify import Notify
from waitress._pid_file import PidFile
from waitress.supervisor import _reload, _service
from waitress.supervisor._loop import Loop
from waitress.supervisor._reload import Reload
from waitress.supervisor._service import Service


class FakeSupervisor:
    def __init__(self, loop, **values):
        self.loop = loop
        self.values = {"control_socket": None, "reload": False, "reload_extra": [], **values}
        self.state = "serving"
        self.replacing = types.SimpleNamespace(reloading=False)
        self.upgrade = types.SimpleNamespace(shared=False, pids=[])
        self.workers, self.places = [], []
        self.figures = {"state": "ready", "in_flight": 1, "queue": 2, "requests": 3}
        self.observers = {}
        self.calls = []

    def observe(self, event, callback):
        self.observers[event] = callback

    def status(self):
        return {"workers": [self.figures] * 2}

    def command(self, name, arguments, reply):
        reply({})

    def reload(self, at_once):
        self.calls.append(("reload", at_once))

    def drop(self, place, worker):
        self.calls.append(("drop", worker.name))


class ServiceCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        environ = mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": self.folder})
        environ.start()
        self.addCleanup(environ.stop)
        self.loop = Loop()
        self.addCleanup(self.loop.close)

    def turn_until(self, condition):
        deadline = self.loop.now() + 10
        while not condition() and self.loop.now() < deadline:
            self.loop.turn(0.05)
        self.assertTrue(condition())


class ServiceTest(ServiceCase):
    def make(self, pid_file=None, **variables):
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        path = os.path.join(self.folder, "notify")
        self.manager.bind(path)
        self.manager.setblocking(False)
        self.supervisor = FakeSupervisor(self.loop)
        service = Service(self.supervisor, Notify({"NOTIFY_SOCKET": path, **variables}), pid_file)
        self.addCleanup(service.close)
        self.told = []
        return service

    def hear(self):
        while True:
            try:
                self.told.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return self.told

    def test_events_of_the_supervisor_are_told_with_figures(self):
        self.make()
        for event in ("ready", "reloading", "reloaded", "stopping"):
            self.supervisor.observers[event]()
        status = "STATUS=2 workers ready, 2 requests in flight, 4 waiting, 6 served by them"
        first, second, third, last = self.hear()[1:]
        self.assertEqual((first, third), (f"READY=1\n{status}",) * 2)
        self.assertTrue(second.startswith("RELOADING=1"))
        self.assertTrue(last.startswith("STOPPING=1"))

    def test_figures_are_told_when_they_change(self):
        with mock.patch.object(_service, "STATUS_SECONDS", 0.02):
            self.make()
            self.turn_until(lambda: len(self.hear()) == 1)
            for _ in range(5):
                self.loop.turn(0.05)
            self.assertEqual(len(self.hear()), 1)
            self.supervisor.figures["requests"] = 50
            self.turn_until(lambda: len(self.hear()) == 2)
        self.assertIn("100 served", self.told[1])

    def test_end_after_an_upgrade_names_the_successor(self):
        self.make()
        self.supervisor.upgrade.pids = [4711]
        self.supervisor.observers["stopping"]()
        self.assertEqual(self.hear()[-1], "MAINPID=4711")

    def test_watchdog_is_fed_by_the_loop(self):
        self.make(WATCHDOG_USEC="40000")
        self.turn_until(lambda: self.hear().count("WATCHDOG=1") >= 3)

    def test_pid_file_that_an_upgrade_took_away_comes_back(self):
        path = os.path.join(self.folder, "pid")
        with mock.patch.object(_service, "STATUS_SECONDS", 0.02):
            self.make(PidFile(path))
            self.turn_until(lambda: os.path.exists(path))
            os.unlink(path)
            self.supervisor.upgrade.shared = True
            for _ in range(5):
                self.loop.turn(0.05)
            self.assertFalse(os.path.exists(path))
            self.supervisor.upgrade.shared = False
            self.turn_until(lambda: os.path.exists(path))


class ReloadTest(ServiceCase):
    def setUp(self):
        super().setUp()
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        os.mkdir("lib")
        self.write("lib/module.py", "1")

    def write(self, path, text):
        with open(os.path.join(self.folder, path), "w", encoding="ascii") as file:
            file.write(text)

    def worker(self, name, state):
        asked = []

        def ask(command, reply):
            asked.append(command)
            reply([os.path.join(self.folder, "lib", "module.py")] if name == "1" else {"error": "no answer"})

        return types.SimpleNamespace(name=name, state=state, ask=ask, asked=asked)

    def test_change_of_a_file_that_a_worker_told_reloads_at_once_and_drops_what_is_starting(self):
        supervisor = FakeSupervisor(self.loop)
        serving, mute, starting = self.worker("1", "ready"), self.worker("2", "ready"), self.worker("3", "starting")
        supervisor.workers = [serving, mute, starting]
        supervisor.places = [types.SimpleNamespace(current=serving, incoming=starting), types.SimpleNamespace(current=mute, incoming=None)]
        reload = Reload(supervisor)
        self.addCleanup(reload.close)
        self.assertEqual((serving.asked, mute.asked, starting.asked), (["files"], ["files"], []))
        with self.assertLogs("waitress.supervisor", "INFO") as logs:
            self.write("lib/module.py", "changed")
            self.turn_until(lambda: supervisor.calls)
        self.assertEqual(supervisor.calls, [("drop", "3"), ("reload", True)])
        self.assertIn(f"Changed: {os.path.join('lib', 'module.py')};", logs.output[0])

    def test_modules_beside_the_app_count_before_any_worker_has_spoken(self):
        supervisor = FakeSupervisor(self.loop)
        reload = Reload(supervisor)
        self.addCleanup(reload.close)
        self.write("new.py", "x = 1")
        self.turn_until(lambda: supervisor.calls)

    def test_workers_are_asked_again_and_again(self):
        supervisor = FakeSupervisor(self.loop)
        worker = self.worker("1", "ready")
        supervisor.workers = [worker]
        with mock.patch.object(_reload, "ASK_SECONDS", 0.02):
            reload = Reload(supervisor)
            self.addCleanup(reload.close)
            self.turn_until(lambda: len(worker.asked) >= 3)


if __name__ == "__main__":
    unittest.main()
