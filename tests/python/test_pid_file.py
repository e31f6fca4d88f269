import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from waitress._pid_file import PidFile


class PidFileTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "server.pid")

    def write(self, text):
        with open(self.path, "w", encoding="ascii") as file:
            file.write(text)

    def read(self):
        with open(self.path, encoding="ascii") as file:
            return file.read()

    def ended_process(self):
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        return process.pid

    def running_process(self):
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        return process.pid

    def test_write_and_remove_leave_nothing_else(self):
        file = PidFile(self.path)
        file.write()
        self.assertEqual(self.read(), f"{os.getpid()}\n")
        self.assertEqual(os.listdir(self.folder), ["server.pid"])
        file.remove()
        self.assertEqual(os.listdir(self.folder), [])

    @unittest.skipIf(os.name == "nt", "no file modes")
    def test_others_may_read_it_and_never_write_it(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        PidFile(self.path).write()
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o644)

    def test_file_of_a_running_process_is_refused_and_kept(self):
        other = self.running_process()
        self.write(f"{other}\n")
        with self.assertRaisesRegex(OSError, f"server.pid belongs to the running process {other}"):
            PidFile(self.path).write()
        self.assertEqual(self.read(), f"{other}\n")
        self.assertEqual(os.listdir(self.folder), ["server.pid"])

    def test_file_of_a_process_of_somebody_else_is_refused(self):
        self.write("4711\n")
        with mock.patch("os.kill", side_effect=PermissionError), self.assertRaisesRegex(OSError, "running process 4711"):
            PidFile(self.path).write()

    def test_stale_empty_and_own_files_are_replaced(self):
        for text in (f"{self.ended_process()}\n", "", "\n", f"{os.getpid()}\n"):
            with self.subTest(text=text):
                self.write(text)
                PidFile(self.path).write()
                self.assertEqual(self.read(), f"{os.getpid()}\n")

    def test_file_of_the_parent_is_taken_over(self):
        self.write(f"{os.getppid()}\n")
        PidFile(self.path).write()
        self.assertEqual(self.read(), f"{os.getpid()}\n")

    def test_file_of_another_kind_is_refused_and_kept(self):
        for text in ("precious", "12 34", "9" * 100):
            with self.subTest(text=text):
                self.write(text)
                with self.assertRaisesRegex(OSError, "holds something else than a process id"):
                    PidFile(self.path).write()
                self.assertEqual(self.read(), text)

    def test_folder_that_is_missing_is_one_clear_error(self):
        path = os.path.join(self.folder, "none", "x.pid")
        with self.assertRaisesRegex(OSError, r"^The pid file .*x\.pid can't be written: No such file or directory$"):
            PidFile(path).write()

    def test_remove_leaves_the_file_of_a_successor(self):
        file = PidFile(self.path)
        file.write()
        for text in ("4711\n", "precious"):
            self.write(text)
            file.remove()
            self.assertEqual(self.read(), text)

    def test_remove_empties_the_file_where_the_folder_allows_no_removal(self):
        file = PidFile(self.path)
        file.write()
        with mock.patch("os.unlink", side_effect=PermissionError(13, "no")):
            file.remove()
        self.assertEqual(self.read(), "")

    def test_remove_of_a_file_that_is_gone_is_nothing(self):
        file = PidFile(self.path)
        file.write()
        os.unlink(self.path)
        file.remove()

    def test_ensure_writes_it_again_only_when_it_is_gone(self):
        file = PidFile(self.path)
        file.write()
        self.write("4711\n")
        file.ensure()
        self.assertEqual(self.read(), "4711\n")
        os.unlink(self.path)
        file.ensure()
        self.assertEqual(self.read(), f"{os.getpid()}\n")

    def test_relative_path_keeps_its_meaning_when_the_folder_changes(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        file = PidFile("server.pid")
        os.chdir(before)
        file.write()
        self.assertTrue(os.path.exists(self.path))


if __name__ == "__main__":
    unittest.main()
