import os
import socket
import tempfile
import unittest

from waitress._notify import Notify


@unittest.skipUnless(hasattr(socket, "AF_UNIX"), "systemd is on Linux only")
class NotifyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "notify")
        self.now = 1000.0

    def listen(self, address):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.settimeout(10)
        return manager

    def notify(self, **environ):
        environ = {"NOTIFY_SOCKET": self.path, **environ}
        made = Notify(environ, clock=lambda: self.now)
        self.assertEqual(environ, {})  # workers must not find them
        return made

    def received(self, manager):
        """All that has arrived: datagrams of unix sockets are there when sendto() returns."""
        manager.setblocking(False)
        found = []
        while True:
            try:
                found.append(manager.recv(4096).decode())
            except BlockingIOError:
                return found

    def test_without_a_manager_nothing_happens(self):
        notify = Notify({})
        self.assertFalse(notify)
        notify.ready("x")
        notify.beat()
        notify.stopping()
        self.assertEqual(notify.environment(), {})

    def test_life_of_a_service(self):
        manager = self.listen(self.path)
        notify = self.notify()
        notify.ready("Serving on http://x")
        notify.reloading()
        notify.ready("4 workers")
        notify.main_process(4711)
        notify.stopping()
        ready, reloading, again, main, stopping = self.received(manager)
        self.assertEqual(ready, "READY=1\nSTATUS=Serving on http://x")
        self.assertRegex(reloading, r"^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=Reloading$")
        self.assertEqual((again, main), ("READY=1\nSTATUS=4 workers", "MAINPID=4711"))
        self.assertTrue(stopping.startswith("STOPPING=1\nSTATUS="))

    def test_abstract_socket_is_reached(self):
        name = f"waitress-test-{os.getpid()}-{id(self)}"
        try:
            manager = self.listen("\0" + name)
        except OSError:
            return  # only Linux has them
        self.notify(NOTIFY_SOCKET="@" + name).ready("up")
        self.assertEqual(self.received(manager), ["READY=1\nSTATUS=up"])

    def test_status_is_sent_when_it_changes_and_stays_one_line(self):
        manager = self.listen(self.path)
        notify = self.notify()
        for text in ("a", "a", "b\nREADY=1", "b\nREADY=1", "a"):
            notify.status(text)
        self.assertEqual(self.received(manager), ["STATUS=a", "STATUS=b READY=1", "STATUS=a"])

    def test_watchdog_beats_at_half_its_time(self):
        manager = self.listen(self.path)
        notify = self.notify(WATCHDOG_USEC="4000000", WATCHDOG_PID=str(os.getpid()))
        self.assertEqual(notify.interval, 2.0)
        for _ in range(3):
            notify.beat()
        self.now += 2.0
        notify.beat()
        notify.beat()
        self.assertEqual(self.received(manager), ["WATCHDOG=1"] * 2)

    def test_watchdog_of_another_process_or_none_is_not_ours(self):
        for variables in ({}, {"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}):
            with self.subTest(variables=variables):
                self.assertIsNone(self.notify(**variables).interval)

    def test_successor_gets_the_variables_without_our_number(self):
        notify = self.notify(WATCHDOG_USEC="4000000", WATCHDOG_PID=str(os.getpid()))
        self.assertEqual(notify.environment(), {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "4000000"})

    def test_manager_that_is_gone_is_one_warning(self):
        notify = self.notify()
        with self.assertLogs("waitress", "WARNING") as logs:
            notify.ready("x")
            notify.status("y")
            notify.stopping()
        self.assertEqual(len(logs.output), 1)
        self.assertIn(f"can't be told READY=1: {self.path}", logs.output[0])

    def test_address_of_another_kind_is_one_warning(self):
        with self.assertLogs("waitress", "WARNING") as logs:
            self.assertFalse(self.notify(NOTIFY_SOCKET="vsock:2:1234"))
        self.assertIn("vsock:2:1234", logs.output[0])


if __name__ == "__main__":
    unittest.main()
