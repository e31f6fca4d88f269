"""Start, deaths and hangs."""
import os
import signal
import unittest
from unittest import mock

from waitress._worker import STACKS_SIGNAL
from waitress.supervisor import _health
from waitress.supervisor._output import MOST_BYTES

from supervisor.service import Service


class LossesTest(Service):
    # Start.

    def test_first_worker_starts_alone_and_the_others_when_it_serves(self):
        self.make(workers=3)
        self.assertEqual(len(self.processes), 1)
        self.processes[0].serve()
        self.assertEqual(len(self.processes), 3)
        self.assertEqual(self.told, ["ready"])
        self.assertIn("Serving on http://127.0.0.1:80", self.log)
        self.log_has("3 workers with 1 thread each, 3 requests served at once")
        self.assertEqual(len({process.slot for process in self.processes}), 3)

    def test_app_that_fails_to_import_at_first_ends_the_whole_with_3(self):
        self.make()
        self.processes[0].say(event="failed", text="Traceback\nNameError: x")
        self.processes[0].die(3 << 8)
        self.assertEqual((self.supervisor.exit_code, self.supervisor.failure), (3, "Traceback\nNameError: x"))
        self.assertFalse(self.loop._running)
        self.assertEqual(len(self.processes), 1)

    def test_first_worker_that_is_killed_is_tried_three_times(self):
        self.make()
        for _ in range(3):
            self.processes[-1].die(signal.SIGKILL)
            self.pass_time(4)
        self.assertEqual(len(self.processes), 3)
        self.assertEqual(self.supervisor.exit_code, 3)
        self.assertIn("was killed by SIGKILL", self.supervisor.failure)

    # Deaths.

    def test_dead_worker_is_replaced_at_once_with_its_last_words(self):
        first, second = self.serving()
        os.write(first.stderr, b"Fatal Python error: Segmentation fault\n")
        first.die(signal.SIGSEGV)
        self.assertEqual(self.alive(), ["3", "2"])
        self.log_has("was killed by SIGSEGV")
        self.log_has("it is replaced at once; its last words: Fatal Python error: Segmentation fault")

    def test_worker_that_dies_again_and_again_is_retried_with_pauses(self):
        self.serving(workers=1)
        for _ in range(3):
            self.processes[-1].die(1 << 8)
            self.processes[-1].serve()
        self.assertEqual(len(self.processes), 4)
        self.processes[-1].die(1 << 8)
        self.assertEqual(len(self.processes), 4)
        self.pass_time(1)
        self.assertEqual(len(self.processes), 5)

    def test_later_import_failure_is_retried_while_the_others_serve(self):
        first, second = self.serving()
        first.die(signal.SIGKILL)
        third = self.processes[2]
        third.say(event="failed", text="SyntaxError: here")
        third.die(3 << 8)
        self.assertEqual(self.alive(), ["2"])
        self.assertEqual(self.supervisor.exit_code, 0)
        self.log_has("SyntaxError: here")
        self.pass_time(1)
        self.assertEqual(self.alive(), ["4", "2"])

    def test_worker_told_to_go_from_outside_is_replaced_and_retired(self):
        first, second = self.serving()
        first.commands()
        first.say(event="stopping")
        self.pass_time(1)
        self.assertEqual(self.commands(first), ["retire"])
        self.assertEqual(len(self.processes), 3)
        first.die()
        self.assertEqual(self.alive(), ["3", "2"])

    def test_workers_that_join_a_running_service_are_told_so_unless_a_reload_brings_them(self):
        first, second = self.serving()
        second.die(9)
        self.supervisor.reload()
        third, fourth = self.processes[2:4]
        self.assertEqual([first.again, second.again, third.again, fourth.again], [False, True, True, False])

    def test_system_without_processes_is_tried_again(self):
        first, second = self.serving()
        self.supervisor.launch.start = mock.Mock(side_effect=OSError("no more processes"))
        first.die(signal.SIGKILL)
        self.log_has("no more processes")
        self.supervisor.launch.start = self.launch
        self.pass_time(2)
        self.assertEqual(self.alive(), ["4", "2"])

    # Hangs.

    def test_hung_worker_shows_its_stacks_is_killed_and_replaced_at_once(self):
        first, second = self.serving()
        self.set_board(first, heartbeat=int(self.now * 1e9), all_inside=int(self.now * 1e9))
        self.pass_time(20)
        self.set_board(first, heartbeat=int(self.now * 1e9))
        self.assertEqual(first.signals, [])
        self.pass_time(12)
        self.assertEqual(first.signals[0], STACKS_SIGNAL)
        self.assertEqual(len(self.processes), 3)
        self.pass_time(2)
        self.assertEqual(first.signals, [STACKS_SIGNAL, signal.SIGKILL])
        self.log_has("every thread has been inside one request for 31 s")

    def test_worker_whose_main_thread_does_not_run_is_replaced_though_its_threads_rest(self):
        first, second = self.serving()
        first.frozen = True
        for _ in range(45):
            for process in (first, second):
                self.set_board(process, heartbeat=int(self.now * 1e9))
            self.pass_time(1)
        self.assertEqual((first.signals, second.signals), ([STACKS_SIGNAL, signal.SIGKILL], []))
        self.log_has("its main thread has not run for 3")

    def test_worker_that_waits_because_nobody_reads_the_log_is_spared(self):
        first, second = self.serving()
        first.frozen = True
        self.output._size = MOST_BYTES
        for _ in range(45):
            for process in (first, second):
                self.set_board(process, heartbeat=int(self.now * 1e9))
            self.pass_time(1)
        self.assertEqual(first.signals, [])

    def test_look_that_comes_late_judges_nobody(self):
        first, second = self.serving()
        self.set_board(first, heartbeat=int(self.now * 1e9))
        self.now += 3600  # the machine slept
        self.loop.turn(0)
        self.set_board(first, heartbeat=int(self.now * 1e9))
        self.pass_time(10)
        self.assertEqual(first.signals, [])

    def test_worker_that_never_gets_ready_is_replaced(self):
        self.serving(workers=1)
        self.processes[0].die(signal.SIGKILL)
        self.pass_time(30 * _health.START_PATIENCE + 3)
        self.assertIn(signal.SIGKILL, self.processes[1].signals)
        self.assertEqual(len(self.processes), 3)


if __name__ == "__main__":
    unittest.main()
