import os
import unittest

if os.name == "nt":
    raise unittest.SkipTest("terminals are Unix's")

from status_example import example

from waitress import _terminal, _top, _top_frame, _units


def text(lines):
    return "\n".join(line for line, _ in lines)


class UnitsTest(unittest.TestCase):
    def test_times_are_milliseconds_up_to_ten_seconds(self):
        for seconds, expected in ((None, "-"), (0, "0 ms"), (0.00001, "0.01 ms"), (0.0011, "1.1 ms"), (0.42, "420 ms"), (3.2, "3,200 ms"), (12.34, "12.3 s")):
            self.assertEqual(_units.time(seconds), expected)

    def test_durations_have_two_units(self):
        for seconds, expected in ((None, "-"), (3.26, "3 s"), (61, "1 min 1 s"), (3725.5, "1 h 2 min"), (200000, "2 d 7 h")):
            self.assertEqual(_units.duration(seconds), expected)
        self.assertEqual([_units.age(3.26), _units.age(61)], ["3.3 s", "1 min 1 s"])

    def test_sizes_are_binary(self):
        for size, expected in ((None, "-"), (0, "0 B"), (863, "863 B"), (30 << 20, "30.0 MiB"), (5 << 40, "5.0 TiB"), (5 << 50, "5120.0 TiB")):
            self.assertEqual(_units.size(size), expected)

    def test_rates_and_shares_have_the_digits_that_matter(self):
        self.assertEqual([_units.rate(each) for each in (None, 0, 0.306, 12.34, 812.4, 12345.6)], ["-", "0", "0.31", "12.3", "812", "12,346"])
        self.assertEqual([_units.share(each) for each in (None, 0, 0.031, 0.31, 1)], ["-", "0 %", "3.1 %", "31 %", "100 %"])

    def test_windows_are_named_as_they_are_meant(self):
        self.assertEqual([_units.span(each) for each in (10, 59, 64, 77, 150, 296, 300)], ["10 s", "1 min", "1 min", "77 s", "2.5 min", "5 min", "5 min"])


class FrameTest(unittest.TestCase):
    def setUp(self):
        self.status = example()

    def frame(self, width=120, height=None, **more):
        return _top_frame.Frame(self.status, width, height, {4712: 12.0}, **more)

    def test_everything_of_the_example_is_there(self):
        shown = text(self.frame(140).lines())
        for part in (
            "hello:app: serving", "Waitress Sharp 1.0.0 · Python 3.11.2 · http://127.0.0.1:8080 · supervisor 4711 · up 2 h 46 min",
            "812 requests/s   0 errors/s   0.10 client errors/s   10.3 KiB/s sent   busy 31 %",
            "in flight 3   queue 0   oldest waits -   threads busy 2 of 8   connections 12   workers 2 of 2   CPU 40 %   private 29.6 MiB",
            "LAST 1 MIN      p50      p90      p99     mean", "Request      1.1 ms   1.9 ms   4.2 ms   1.3 ms", "GIL         0.10 ms  0.10 ms  0.40 ms  0.02 ms",
            "1       4712  ready  2 h 46 min    61,728   12.0          2      0  1 of 4  40 %  46.1 MiB  29.6 MiB",
            "3.2 s  app         1  waitress-0  203.0.113.9  GET /report/7", "(1 more, younger than 0.5 s)",
            "1,900 ms  4,200 ms        12       0  GET /report/{n}", "200 ms  5.0 %        40       2  POST /pay",
        ):  # fmt: skip
            self.assertIn(part, shown)
        self.assertNotIn("/young", shown)

    def test_lines_fit_any_screen(self):
        for width in (1, 20, 60, 80, 99, 100, 200):
            for height in (1, 5, 12, 24, 60):
                with self.subTest(width=width, height=height):
                    lines = self.frame(width, height).lines(footer="q quit")
                    self.assertLessEqual(len(lines), height)
                    self.assertLessEqual(max(len(line) for line, _ in lines), width)
                    if width >= 60 and height >= 12:
                        self.assertIn("GET /report/7", text(lines))
                        self.assertEqual(lines[-1][0], "q quit")

    def test_little_room_is_shared_and_says_what_it_hides(self):
        self.status["workers"] = [{**self.status["workers"][0], "slot": slot, "name": str(slot + 1)} for slot in range(40)]
        requests = [{**self.status["in_flight"]["requests"][0], "id": number, "age": 100.0 - number} for number in range(30)]
        self.status["in_flight"]["requests"] = requests
        lines = self.frame(120, 30).lines((0, 25), footer="q quit")
        self.assertEqual(len(lines), 30)
        # Its age: it is shown though it is far down.
        self.assertEqual([line.split()[:4] for line, look in lines if look == "chosen"], [["1", "min", "15", "s"]])
        self.assertIn("hidden", text(lines))
        self.assertEqual(lines[-1], ("q quit", "soft"))

    def test_text_of_clients_and_app_can_not_move_the_cursor(self):
        hostile = "\x1b[2J\x9b1m\r\n\u202e\x07\ud800<b>"
        for request in self.status["in_flight"]["requests"]:
            request.update(path=hostile, client=hostile, thread=hostile, method=hostile)
        for route in self.status["routes"]["slowest"] + self.status["routes"]["failing"]:
            route.update(path=hostile, method=hostile)
        self.status["service"].update(app=hostile, reason=hostile, ready=False)
        frame = self.frame(300)
        stack = frame.of_stack(self.status["in_flight"]["requests"][0], f"File\n\t{hostile}", "q quit")
        for line, _ in frame.lines() + stack:
            self.assertTrue(line.isprintable(), line)

    def test_what_is_not_known_is_a_dash(self):
        self.status["workers"][0].update(resident=None, private=None, cpu_share=None, state=None)
        self.status["service"]["app"] = None
        self.status["times"][0].update({name: dict.fromkeys(("p50", "p90", "p99", "mean")) for name in ("duration", "queue", "gil", "app")})
        self.status["in_flight"]["requests"][0].update(thread=None, client=None)
        self.status["rates"] = []
        shown = text(self.frame(140).lines())
        self.assertIn("Waitress Sharp: serving", shown)
        self.assertIn("Request       -    -    -     -", shown)
        self.assertIn("CPU -   private -", shown)
        self.assertIn("- requests/s", shown)

    def test_service_that_is_not_ready_says_why(self):
        self.status["service"].update(ready=False, reason="no worker is ready", state="serving")
        self.assertEqual(self.frame().lines()[0], ("hello:app: serving, not ready: no worker is ready", "bad"))

    def test_service_in_its_first_second_has_no_figures_yet(self):
        for windows in (self.status["rates"], self.status["times"]):
            windows[0]["seconds"] = 0
        self.assertIn("- requests/s", text(self.frame().lines()))

    def test_screen_without_unicode_gets_ascii(self):
        self.assertTrue(text(self.frame(unicode=False).lines(footer=_top.FOOTER)).isascii())
        self.assertTrue(text(self.frame(10, unicode=False).lines(footer=_top.FOOTER)).isascii())

    def test_long_stack_shows_its_innermost_calls(self):
        lines = self.frame(80, 20).of_stack(self.status["in_flight"]["requests"][0], "\n".join(f"line {number}" for number in range(100)), "q quit")
        self.assertEqual((len(lines), lines[-3][0], lines[2][0]), (20, "line 99", "GET /report/7"))

    def test_curves_are_relative_to_their_highest(self):
        self.assertEqual(_top_frame.curve([0.0, None, 1.0, 2.0]).strip(), "▁ ▅█")
        self.assertEqual(_top_frame.curve([0.0, 0.0]).strip(), "▁▁")
        self.assertEqual(len(_top_frame.curve([1.0] * 100)), _top_frame.CURVE)


class RatesTest(unittest.TestCase):
    def test_rate_is_the_difference_to_the_last_look_of_the_same_process(self):
        rates = _top.Rates()
        self.assertEqual(rates.of({"time": 1.0, "workers": [{"pid": 1, "requests": 5}]}), {})
        self.assertEqual(rates.of({"time": 3.0, "workers": [{"pid": 1, "requests": 11}, {"pid": 2, "requests": 7}]}), {1: 3.0})
        self.assertEqual(rates.of({"time": 3.0, "workers": [{"pid": 1, "requests": 11}]}), {})


class KeysTest(unittest.TestCase):
    def test_keys_are_told_by_their_sequences(self):
        for typed, expected in (
            (b"q", ["quit"]), (b"\x1b[A\x1b[Bk", ["up", "down", "up"]), (b"\x1bOB", ["down"]), (b"\r", ["open"]), (b"\x1b", ["back"]), (b" x", ["pause"]),
            (b"\x1b[15~q", ["quit"]), (b"\x1b[1;5Cj", ["down"]), (b"\xc3\xa4", []), (b"\x1b[", []), (b"", ["quit"]),
        ):  # fmt: skip
            with self.subTest(typed=typed):
                self.assertEqual(_terminal.keys(typed), expected)

if __name__ == "__main__":
    unittest.main()
