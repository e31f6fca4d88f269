import logging
import os
import signal
import socket
import subprocess
import sys
import unittest

from waitress.supervisor._loop import Loop


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class LoopTest(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.loop = Loop(lambda: self.now)
        self.addCleanup(self.loop.close)
        self.seen = []

    def test_timers_fire_in_order_and_not_before_their_time(self):
        for seconds in (3, 1, 2):
            self.loop.call_later(seconds, lambda seconds=seconds: self.seen.append(seconds))
        self.loop.call_later(1.5, lambda: self.seen.append("cancelled")).cancel()
        self.loop.turn(0)
        self.assertEqual(self.seen, [])
        self.now = 2.5
        self.loop.turn(0)
        self.assertEqual(self.seen, [1, 2])
        self.now = 3
        self.loop.turn(0)
        self.assertEqual(self.seen, [1, 2, 3])

    def test_reader_is_called_until_it_is_removed(self):
        one, other = socket.socketpair()
        with one, other:
            self.loop.add_reader(one.fileno(), lambda: self.seen.append(one.recv(1)))
            other.send(b"ab")
            self.loop.turn(0)
            self.loop.turn(0)
            self.loop.remove_reader(one.fileno())
            self.loop.remove_reader(one.fileno())
            other.send(b"c")
            self.loop.turn(0)
        self.assertEqual(self.seen, [b"a", b"b"])

    def test_reader_that_another_one_removed_in_the_same_turn_is_not_called(self):
        pairs = [socket.socketpair() for _ in range(2)]

        def read(index):
            self.seen.append(index)
            self.loop.remove_reader(pairs[1 - index][0].fileno())

        for index, (one, other) in enumerate(pairs):
            self.addCleanup(one.close)
            self.addCleanup(other.close)
            self.loop.add_reader(one.fileno(), lambda index=index: read(index))
            other.send(b"x")
        self.loop.turn(0)
        self.assertEqual(len(self.seen), 1)

    def test_fault_of_a_callback_is_logged_and_ends_nothing(self):
        self.loop.call_later(0, lambda: 1 / 0)
        self.loop.call_later(0, lambda: self.seen.append("next"))
        with self.assertLogs("waitress.supervisor", logging.ERROR):
            self.loop.turn(0)
        self.assertEqual(self.seen, ["next"])

    def test_signals_are_told_one_by_one_and_given_back(self):
        before = signal.getsignal(signal.SIGUSR1)
        self.loop.claim_signals([signal.SIGUSR1, signal.SIGUSR2], self.seen.append)
        signal.raise_signal(signal.SIGUSR2)
        signal.raise_signal(signal.SIGUSR1)
        self.loop.turn(5)
        self.loop.release_signals()
        self.assertEqual(sorted(self.seen), sorted([signal.SIGUSR1, signal.SIGUSR2]))
        self.assertEqual(signal.getsignal(signal.SIGUSR1), before)

    def test_end_of_a_child_wakes_a_loop_that_waits(self):
        loop = Loop()
        self.addCleanup(loop.close)
        loop.claim_signals([signal.SIGCHLD], lambda number: (self.seen.append(number), loop.stop()))
        child = subprocess.Popen([sys.executable, "-c", ""])
        loop.call_later(30, loop.stop)
        loop.run()
        child.wait()
        self.assertEqual(self.seen, [signal.SIGCHLD])


if __name__ == "__main__":
    unittest.main()
