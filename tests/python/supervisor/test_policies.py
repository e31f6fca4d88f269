"""The decisions alone: numbers and a clock in, a decision out."""
import unittest

from waitress.supervisor import _growth, _health, _recycle, _respawn
from waitress.supervisor._board import FIELDS, Slot

SECOND = 10**9


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def slot(**numbers):
    return Slot(tuple(numbers.get(name, 0) for name in FIELDS))


class RespawnTest(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.respawn = _respawn.Respawn(self.clock, lambda: 0.5)

    def dies_after(self, seconds):
        self.respawn.served()
        self.clock.now += seconds
        return self.respawn.died()

    def test_early_deaths_are_replaced_at_once_then_with_growing_pauses(self):
        pauses = [self.dies_after(1) for _ in range(13)]
        self.assertEqual(pauses[:6], [0, 0, 0, 0.5, 1.0, 2.0])
        self.assertEqual(pauses[-1], _respawn.LONGEST_PAUSE)
        self.assertEqual(pauses, sorted(pauses))

    def test_worker_that_served_long_is_a_new_story(self):
        for _ in range(8):
            self.dies_after(1)
        self.assertEqual(self.dies_after(_respawn.HEALTHY_SECONDS), 0)
        self.assertEqual(self.dies_after(1), 0)

    def test_worker_that_never_was_ready_pauses_from_the_first_time(self):
        self.assertEqual([self.respawn.died() for _ in range(3)], [0.5, 1.0, 2.0])

    def test_jitter_stays_near(self):
        for draw, expected in ((0.0, 0.4), (1.0, 0.6)):
            self.assertAlmostEqual(_respawn.Respawn(self.clock, lambda draw=draw: draw).died(), expected)


class RecycleTest(unittest.TestCase):
    VALUES = {"max_requests": 0, "max_requests_jitter": 0, "max_lifetime": 0.0, "max_memory": 0}

    def setUp(self):
        self.clock = Clock()

    def make(self, draw=0.0, **values):
        return _recycle.Recycling({**self.VALUES, **values}, self.clock, lambda: draw)

    def test_without_limits_there_is_never_a_reason(self):
        recycling = self.make()
        self.clock.now += 10**9
        self.assertIsNone(recycling.reason(10**9, lambda: 10**15))

    def test_max_requests_has_its_jitter_drawn_once(self):
        self.assertEqual({self.make(draw, max_requests=100, max_requests_jitter=10).max_requests for draw in (0.0, 0.999)}, {100, 110})
        recycling = self.make(0.5, max_requests=100, max_requests_jitter=10)
        self.assertIsNone(recycling.reason(104, lambda: None))
        self.assertIn("max_requests", recycling.reason(105, lambda: None))

    def test_max_lifetime_is_stretched_by_up_to_a_tenth(self):
        recycling = self.make(1.0, max_lifetime=100.0)
        self.clock.now += 109.9
        self.assertIsNone(recycling.reason(0, lambda: None))
        self.clock.now += 0.2
        self.assertIn("max_lifetime", recycling.reason(0, lambda: None))

    def test_max_memory_wants_several_samples_in_a_row(self):
        recycling = self.make(max_memory=100)
        sizes = iter([101, 101, 99, 101, 101, 101])
        asked = []

        def memory():
            asked.append(next(sizes))
            return asked[-1]

        reasons = []
        while len(asked) < 6:
            self.clock.now += 1.0
            reasons.append(recycling.reason(0, memory))
        self.assertEqual(len(reasons), 12)  # not at every look
        self.assertTrue(all(reason is None for reason in reasons[:-1]))
        self.assertIn("max_memory", reasons[-1])

    def test_memory_that_the_system_does_not_tell_is_no_reason(self):
        recycling = self.make(max_memory=1)
        for _ in range(20):
            self.clock.now += 10
            self.assertIsNone(recycling.reason(0, lambda: None))


class HealthTest(unittest.TestCase):
    def setUp(self):
        self.health = _health.Health(30.0, born=0)

    def test_engine_that_turns_and_a_thread_that_is_free_are_well(self):
        now = 1000 * SECOND
        self.assertIsNone(self.health.serving(slot(heartbeat=now - SECOND, requests=5), now))

    def test_engine_that_does_not_turn_has_hung(self):
        self.assertIn("engine", self.health.serving(slot(heartbeat=10 * SECOND), 41 * SECOND))
        self.assertIsNone(self.health.serving(slot(heartbeat=10 * SECOND), 39 * SECOND))

    def test_every_thread_inside_one_request_has_hung(self):
        now = 100 * SECOND
        self.assertIn("every thread", self.health.serving(slot(heartbeat=now, all_inside=69 * SECOND), now))
        self.assertIsNone(self.health.serving(slot(heartbeat=now, all_inside=71 * SECOND), now))

    def test_long_wait_is_a_hang_only_while_nothing_is_finished(self):
        for second in range(0, 200):  # overload: one request a second, each has waited for 40 s
            now = second * SECOND
            self.assertIsNone(self.health.serving(slot(heartbeat=now, requests=second, oldest=max(1, now - 40 * SECOND)), now))
        now = 240 * SECOND
        self.assertIn("none was finished", self.health.serving(slot(heartbeat=now, requests=199, oldest=now - 40 * SECOND), now))

    def test_start_has_more_patience(self):
        self.assertIsNone(self.health.starting(119 * SECOND))
        self.assertIn("not ready", self.health.starting(121 * SECOND))

    def test_timeout_of_zero_finds_nobody_ill(self):
        health = _health.Health(0.0, born=0)
        self.assertIsNone(health.serving(slot(heartbeat=1, all_inside=1, oldest=1), 10**6 * SECOND))
        self.assertIsNone(health.starting(10**6 * SECOND))


class GrowthTest(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.growth = _growth.Growth(1, 4, self.clock)
        self.workers = 1
        self.changes = []

    def run_for(self, seconds, busy=0.0, inside=0.0, waited=0.0):
        for _ in range(seconds):
            self.clock.now += 1
            change = self.growth.look(self.workers, busy, inside, waited)
            if change:
                self.changes.append(change)
                self.workers += change

    def test_waiting_requests_and_busy_threads_grow_to_the_most(self):
        self.run_for(3, waited=0.5)
        self.assertEqual(self.workers, 2)
        self.run_for(60, busy=0.9)
        self.assertEqual(self.workers, 4)

    def test_one_look_is_no_trend(self):
        for _ in range(50):
            self.run_for(1, waited=1.0)
            self.run_for(1, busy=0.1)
        self.assertEqual(self.changes, [])

    def test_calm_shrinks_slowly_to_the_least(self):
        self.workers = 4
        self.run_for(29, busy=0.05)
        self.assertEqual(self.workers, 4)
        self.run_for(120, busy=0.05)
        self.assertEqual(self.workers, 1)

    def test_long_requests_are_not_calm(self):
        self.workers = 4
        self.run_for(300, busy=0.0, inside=0.9)
        self.assertEqual(self.workers, 4)

    def test_load_of_one_and_a_half_workers_never_flaps(self):
        self.workers = 2
        self.run_for(3600, busy=0.75 * 0.9)
        self.assertEqual(self.changes, [])

    def test_shrink_that_proved_wrong_makes_the_next_one_slower(self):
        self.workers = 2
        for _ in range(12):  # calm until a worker is taken away, then the load is back
            while self.workers == 2:
                self.run_for(1, busy=0.1)
            while self.workers == 1:
                self.run_for(1, waited=1.0)
        self.assertEqual(self.growth.shrink_after, _growth.LONGEST_SHRINK_AFTER)


if __name__ == "__main__":
    unittest.main()
