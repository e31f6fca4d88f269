"""How many workers, the end of the service, and what can be asked."""
import json
import os
import signal
import unittest

from waitress._worker import STACKS_SIGNAL
from waitress.supervisor import _worker_process

from supervisor.service import Service


class SupervisorTest(Service):
    # More, less, and the end.

    def test_add_and_remove(self):
        self.serving()
        self.assertIsNone(self.supervisor.add())
        self.processes[2].serve()
        self.assertEqual(self.alive(), ["1", "2", "3"])
        for process in self.processes:
            process.commands()
        self.supervisor.remove()
        self.assertEqual(self.commands(self.processes[2]), ["retire"])
        self.supervisor.remove()
        self.assertEqual(self.supervisor.remove(), "the last worker stays")

    def test_add_ends_at_the_room_of_the_board(self):
        self.serving(workers=1)
        refusals = [self.supervisor.add() for _ in range(20)]
        self.assertIn("the most", refusals[-1])
        self.assertEqual(len(self.supervisor.places) * 2, self.board.slots)

    def test_busy_workers_grow_and_calm_ones_shrink(self):
        self.serving(workers=1, max_workers=2, min_workers=1)
        first = self.processes[0]
        self.set_board(first, threads=1, queue=3, oldest=int((self.now - 1) * 1e9), heartbeat=int(self.now * 1e9))
        self.pass_time(3)
        self.assertEqual(len(self.processes), 2)
        self.processes[1].serve()
        for process in self.processes:
            self.set_board(process, threads=1, queue=0, oldest=0, heartbeat=int((self.now + 100) * 1e9))
        self.processes[1].commands()
        self.pass_time(40)
        self.assertEqual(self.commands(self.processes[1]), ["retire"])

    def test_stop_closes_the_sockets_first_then_tells_every_worker(self):
        first, second = self.serving()
        self.supervisor.stop()
        self.assertEqual(self.closed, [True])
        self.assertEqual([self.commands(each)[-1] for each in (first, second)], ["stop", "stop"])
        first.die()
        self.assertEqual(self.alive(), ["2"])
        self.supervisor.loop._running = True
        second.die()
        self.assertFalse(self.loop._running)
        self.assertEqual((self.supervisor.exit_code, self.told), (0, ["ready", "stopping"]))

    def test_stop_ends_a_worker_that_still_imports_by_signal(self):
        first, second = self.serving()
        first.die(signal.SIGKILL)
        self.supervisor.stop()
        self.assertEqual(self.processes[2].signals, [signal.SIGTERM])

    def test_stop_beside_another_supervisor_leaves_it_the_sockets(self):
        first, second = self.serving()
        self.upgrade.shared = True
        self.supervisor.stop()
        self.assertEqual(self.closed, [False])
        self.assertEqual(self.commands(first)[-1], "retire")

    def test_stop_asked_twice_ends_at_once(self):
        self.serving()
        self.supervisor.loop._running = True
        self.supervisor.stop()
        self.supervisor.stop()
        self.assertTrue(self.supervisor.ending.at_once)
        self.assertFalse(self.loop._running)

    def test_quit_is_for_workers_that_retire_too(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        self.processes[2].serve()
        self.supervisor.quit()
        self.assertEqual([self.commands(each)[-1] for each in self.processes], ["quit"] * 3)
        self.pass_time(6)
        self.assertEqual([each.signals for each in self.processes], [[signal.SIGKILL]] * 3)

    def test_rest_and_back_beside_another_supervisor(self):
        first, second = self.serving()
        self.supervisor.rest()
        self.assertEqual(len(self.supervisor.places), 2)  # a terminal's WINCH
        self.upgrade.shared = True
        self.supervisor.rest()
        self.assertEqual(self.commands(first)[-1], "retire")
        first.die()
        second.die()
        self.assertTrue(self.supervisor.state == "serving" and not self.supervisor.workers)
        self.supervisor.reload()
        self.assertEqual(len(self.supervisor.places), 2)

    def test_end_of_the_other_supervisor_brings_resting_workers_back(self):
        first, second = self.serving()
        self.upgrade.shared = True
        self.supervisor.rest()
        first.die()
        second.die()
        self.upgrade.shared = False
        self.ended.append((99_999_999, signal.SIGKILL))
        self.supervisor.reap()
        self.assertEqual(self.alive(), ["3", "4"])

    # Commands.

    def ask(self, name, **arguments):
        replies = []
        self.supervisor.command(name, arguments, replies.append)
        return replies

    def test_status_has_plain_figures(self):
        first, second = self.serving()
        self.set_board(first, requests=7, in_flight=2, queue=1, threads=4)
        (status,) = self.ask("status")
        json.dumps(status)
        self.assertEqual((status["state"], status["wanted"], status["listen"]), ("serving", 2, [["127.0.0.1", "80"]]))
        figures = status["workers"][0]
        self.assertEqual([figures[name] for name in ("name", "requests", "in_flight", "queue", "threads", "state")], ["1", 7, 2, 1, 4, "ready"])

    def test_stacks_are_collected_and_a_silent_worker_gets_the_signal(self):
        first, second = self.serving()
        replies = self.ask("stacks")
        (question,) = [each for each in first.commands() if each["command"] == "stacks"]
        first.say(event="reply", id=question["id"], result=[{"thread": "MainThread", "ident": 1, "stack": "…"}])
        self.assertEqual(replies, [])
        self.pass_time(_worker_process.ASK_SECONDS + 1)
        self.assertEqual(replies[0]["workers"][0]["result"][0]["thread"], "MainThread")
        self.assertIn("no answer", replies[0]["workers"][1]["result"]["error"])
        self.assertEqual((first.signals, second.signals), ([], [STACKS_SIGNAL]))

    def test_memory_is_asked_of_one_worker_after_the_other(self):
        first, second = self.serving()
        replies = self.ask("memory", limit="5000")
        (question,) = [each for each in first.commands() if each["command"] == "memory"]
        self.assertEqual(question["limit"], 5000)
        self.assertEqual([each for each in second.commands() if each["command"] == "memory"], [])
        first.say(event="reply", id=question["id"], result={"seconds": 1})
        self.pass_time(1)
        (question,) = [each for each in second.commands() if each["command"] == "memory"]
        self.assertEqual(replies, [])
        second.die(signal.SIGKILL)
        self.pass_time(1)
        self.assertEqual([each["result"] for each in replies[0]["workers"]], [{"seconds": 1}, {"error": "the worker has ended"}])
        self.assertEqual(replies[0]["supervisor"]["pid"], os.getpid())
        self.assertIn("error", self.ask("memory", limit="many")[0])

    def test_unknown_commands_and_bad_arguments_are_refused(self):
        self.serving()
        self.assertIn("no command", self.ask("explode")[0]["error"])
        self.assertIn("error", self.ask("add", count="many")[0])

    def test_questions_to_a_worker_that_dies_are_answered(self):
        first, second = self.serving()
        replies = self.ask("gc")
        first.die(signal.SIGKILL)
        second.die(signal.SIGKILL)
        self.assertEqual([each["result"] for each in replies[0]["workers"]], [{"error": "the worker has ended"}] * 2)


if __name__ == "__main__":
    unittest.main()
