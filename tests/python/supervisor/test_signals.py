import os
import signal
import unittest

from waitress.supervisor import _signals
from waitress.supervisor._supervisor import Supervisor

DOCS = os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, "docs", "signals.md")


@unittest.skipIf(os.name == "nt", "there is no supervisor on Windows")
class SignalsTest(unittest.TestCase):
    def test_each_action_is_a_method_of_the_supervisor(self):
        for row in _signals.TABLE:
            self.assertTrue(callable(getattr(Supervisor, row.action)), row.name)
            self.assertIn(int(getattr(signal, row.name)), _signals.by_number())

    def test_docs_say_the_same(self):
        if not os.path.exists(DOCS):
            self.skipTest("runs outside the repository")
        with open(DOCS, encoding="utf-8") as file:
            text = file.read()
        for row in _signals.TABLE:
            self.assertIn(f"| {row.name} | {row.help} |", text)

    def test_ends_are_told_in_words(self):
        self.assertEqual(_signals.describe(9), "was killed by SIGKILL")
        self.assertEqual(_signals.describe(11 | 0x80), "was killed by SIGSEGV (core dumped)")
        self.assertEqual(_signals.describe(3 << 8), "ended with exit code 3")
        self.assertIn("42", _signals.signal_name(42))


if __name__ == "__main__":
    unittest.main()
