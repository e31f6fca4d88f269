import io
import os
import unittest

from logging_case import LoggingCase

from waitress import _logging


class LogFileTest(LoggingCase):
    @unittest.skipIf(os.name == "nt", "an open file can't be renamed there")
    def test_file_that_was_moved_is_made_anew_without_a_signal(self):
        _logging.set_up({"log_file": self.path("log")})
        self.logger.warning("one")
        os.rename(self.path("log"), self.path("log.1"))
        self.logger.warning("two")
        self.assertEqual((len(self.read("log")), len(self.read("log.1"))), (1, 1))

    @unittest.skipIf(os.name == "nt", "an open file can't be renamed there")
    def test_file_whose_folder_has_gone_sends_entries_to_standard_error_until_it_is_back(self):
        os.mkdir(self.path("logs"))
        _logging.set_up({"log_file": self.path("logs/log")})
        os.rename(self.path("logs"), self.path("logs.1"))
        self.logger.warning("one")
        self.logger.warning("two")
        first, one, two = self.errors.getvalue().splitlines()
        self.assertRegex(first, r"ERROR waitress: The log file .*log can't be written: .*; entries go to standard error until it can$")
        self.assertRegex(one + two, r"WARNING waitress: one.*WARNING waitress: two$")
        os.mkdir(self.path("logs"))
        self.logger.warning("three")
        self.assertRegex("".join(self.read("logs/log")), r"WARNING waitress: three$")
        self.assertEqual(len(self.errors.getvalue().splitlines()), 3)

    @unittest.skipUnless(os.path.exists("/dev/full"), "a device that is always full is Linux's")
    def test_file_without_room_sends_entries_to_standard_error_without_a_stack(self):
        _logging.set_up({"log_file": "/dev/full"})
        self.logger.warning("one")
        self.logger.warning("two")
        lines = self.errors.getvalue().splitlines()
        self.assertEqual(len(lines), 3, lines)
        self.assertIn("The log file /dev/full can't be written: No space left", lines[0])
        stream = io.StringIO()
        _logging.set_up({"log_file": "/dev/full"}, stream)
        self.logger.warning("three")
        self.assertIn("three", stream.getvalue())
        self.assertNotIn("three", self.errors.getvalue())

    def test_file_that_can_not_be_opened_is_one_line(self):
        with self.assertRaisesRegex(OSError, "^The log file .* can't be opened: "):
            _logging.set_up({"log_file": self.path("none/log")})

    def test_file_whose_folder_has_gone_before_a_worker_joins_is_one_that_was_lost(self):
        _logging.set_up({"log_file": self.path("logs/log")}, patient=True)
        self.logger.warning("one")
        first, one = self.errors.getvalue().splitlines()
        self.assertRegex(first, r"ERROR waitress: The log file .*log can't be written: No such file or directory; entries go to standard error until it can$")
        self.assertRegex(one, r"WARNING waitress: one$")
        os.mkdir(self.path("logs"))
        self.logger.warning("two")
        self.logger.warning("three")
        self.assertEqual([line[-3:] for line in self.read("logs/log")], ["two", "ree"])
        self.assertEqual(len(self.errors.getvalue().splitlines()), 2)


if __name__ == "__main__":
    unittest.main()
