"""Recycling and reload."""
import signal
import unittest

from supervisor.service import Service


class ReplacingTest(Service):
    def test_recycled_worker_retires_when_its_successor_has_proven_ready(self):
        first, second = self.serving()
        first.commands()
        first.say(event="recycle", reason="max_requests")
        self.assertEqual(len(self.processes), 3)
        self.processes[2].say(event="ready")
        self.assertEqual(self.commands(first), [])
        (ping,) = self.processes[2].commands()
        self.processes[2].say(event="reply", id=ping["id"], result="pong")
        self.assertEqual(self.commands(first), ["retire"])
        self.assertEqual(self.alive(), ["3", "2", "1"])

    def test_only_one_worker_is_recycled_at_a_time(self):
        for process in self.serving():
            process.say(event="recycle", reason="max_requests")
        self.assertEqual(len(self.processes), 3)
        self.processes[2].serve()
        self.assertEqual(len(self.processes), 3)  # the first still finishes its requests
        self.processes[0].die()
        self.assertEqual(len(self.processes), 4)

    def test_retired_worker_that_does_not_leave_is_killed(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        self.processes[2].serve()
        self.pass_time(36)
        self.assertEqual(first.signals, [])
        self.pass_time(3)
        self.assertEqual(first.signals, [signal.SIGKILL])

    def test_recycling_whose_successor_fails_keeps_the_old_one_and_tries_again(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        self.processes[2].say(event="failed", text="ImportError")
        self.processes[2].die(3 << 8)
        self.assertEqual(self.alive(), ["1", "2"])
        self.pass_time(2)
        self.assertEqual(self.alive(), ["1", "4", "2"])

    def test_reload_replaces_one_by_one_with_a_new_generation(self):
        first, second = self.serving()
        replies = []
        self.supervisor.reload(replies.append)
        self.assertEqual([process.generation for process in self.processes], [1, 1, 2])
        self.processes[2].serve()
        first.die()
        self.processes[3].serve()
        self.assertEqual(replies, [{"ok": True, "text": "All workers run generation 2"}])
        second.die()
        self.assertEqual(self.alive(), ["3", "4"])
        self.assertEqual(self.told, ["ready", "reloading", "reloaded"])

    def test_reload_into_broken_code_keeps_the_old_workers_and_says_why(self):
        first, second = self.serving()
        replies = []
        self.supervisor.reload(replies.append)
        self.processes[2].say(event="failed", text="SyntaxError: invalid syntax")
        self.processes[2].die(3 << 8)
        self.pass_time(60)
        self.assertEqual(self.alive(), ["1", "2"])
        self.assertFalse(replies[0]["ok"])
        self.log_has("SyntaxError: invalid syntax")
        self.log_has("2 of 2 workers run on as they were")

    def test_reload_with_bad_settings_changes_nothing(self):
        self.serving()
        self.faults = ["threads: 0 is less than 1"]
        replies = []
        self.supervisor.reload(replies.append)
        self.assertEqual((len(self.processes), replies), (2, [{"ok": False, "error": "threads: 0 is less than 1"}]))
        self.log_has("threads: 0 is less than 1")

    def test_reload_says_what_does_not_follow_a_new_setting(self):
        self.serving()
        self.values = {**self.values, "listen": ["127.0.0.1:1"], "otlp_endpoint": "http://collector:4318"}
        self.supervisor.reload()
        self.log_has("Changed, but in force only after a restart: listen")
        self.log_has("traces follow it with the new workers, metrics only after a restart")

    def test_reload_takes_the_new_number_of_workers(self):
        self.serving()
        self.values = {**self.values, "workers": 3}
        self.supervisor.reload()
        self.assertEqual(len(self.supervisor.places), 3)

    def test_worker_that_dies_while_its_successor_starts_is_followed_by_it(self):
        first, second = self.serving()
        first.say(event="recycle", reason="max_requests")
        first.die(signal.SIGKILL)
        self.assertEqual(self.alive(), ["3", "2"])
        self.processes[2].serve()
        self.assertEqual(len(self.processes), 3)


if __name__ == "__main__":
    unittest.main()
