import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from unittest import mock

import waitress
from waitress._program import Program

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(waitress.__file__)))
ROOT = os.name != "nt" and os.geteuid() == 0


def run(code, **options):
    """Runs ``code`` in a process of its own: what is tested here can't be taken back."""
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, **options)


class FolderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)

    def test_nothing_stated_changes_nothing(self):
        program = Program({})
        before = (os.getcwd(), list(sys.path))
        program.enter()
        program.become()
        self.assertEqual((program.faults, program.account), ([], None))
        self.assertEqual((os.getcwd(), sys.path), before)
        self.assertEqual(program.spawn_options(), {"cwd": os.getcwd()})

    def test_folder_that_does_not_exist_is_a_fault(self):
        for path in (os.path.join(self.folder, "none"), __file__):
            self.assertEqual(Program({"chdir": path}).faults, [f"chdir: {path} is not a folder"])

    @unittest.skipIf(os.name == "nt", "the mask of Windows is another")
    def test_enter_sets_folder_mask_and_import_path_in_order(self):
        os.mkdir(os.path.join(self.folder, "lib"))
        done = run(f"""
            import os, sys
            from waitress._program import Program
            started = os.getcwd()
            program = Program({{"chdir": {self.folder!r}, "umask": 0o27, "pythonpath": ["lib", "/x", "lib"]}})
            program.enter()
            assert os.getcwd() == {self.folder!r}
            assert os.umask(0) == 0o27
            assert sys.path[:2] == [os.path.join({self.folder!r}, "lib"), "/x"], sys.path
            assert sys.path.count("/x") == 1
            assert program.spawn_options() == {{"cwd": started}}
        """)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_settings_are_read_again_where_the_program_was_started(self):
        started = os.getcwd()
        self.addCleanup(os.chdir, started)
        program = Program({"chdir": self.folder})
        program.enter()
        with self.assertRaises(ZeroDivisionError), program.at_start():
            self.assertEqual(os.getcwd(), started)
            1 / 0
        self.assertEqual(os.getcwd(), self.folder)

    def test_supervisor_keeps_its_import_path(self):
        before = list(sys.path)
        Program({"pythonpath": [self.folder]}).enter(imports_app=False)
        self.assertEqual(sys.path, before)


@unittest.skipIf(os.name == "nt", "no users by number")
class AccountTest(unittest.TestCase):
    def test_unknown_names_are_faults_together(self):
        faults = Program({"user": "nobody-at-all", "group": "no-group", "chdir": "/no/folder"}).faults
        self.assertEqual(faults[1:], ["user: there is no user 'nobody-at-all'", "group: there is no group 'no-group'"])

    def test_number_without_an_entry_needs_the_group(self):
        self.assertEqual(Program({"user": "54321"}).faults, ["user: the system does not know user 54321, so say the group too"])

    def test_number_that_means_unchanged_is_not_a_user(self):
        self.assertEqual(Program({"user": str(2**32 - 1), "group": "1"}).faults, [f"user: there is no user '{2**32 - 1}'"])

    def test_other_than_root_may_only_stay_who_it_is(self):
        with mock.patch("os.geteuid", return_value=1234), mock.patch("os.getegid", return_value=1235):
            self.assertEqual(
                Program({"user": "0", "group": "0"}).faults,
                ["user, group: only root may become another user or group, and the program runs as user 1234, group 1235"])
            stays = Program({"user": "1234", "group": "1235"})
        self.assertEqual((stays.faults, stays.account), ([], None))

    def test_root_gets_every_group_of_a_named_user(self):
        with mock.patch("os.geteuid", return_value=0), mock.patch("os.getegid", return_value=0):
            program = Program({"user": "nobody"})
        import pwd

        entry = pwd.getpwnam("nobody")
        self.assertEqual(program.faults, [])
        self.assertEqual(program.account[:2], (entry.pw_uid, entry.pw_gid))
        self.assertEqual(program.account.groups, os.getgrouplist("nobody", entry.pw_gid))
        options = program.spawn_options()
        self.assertEqual((options["user"], options["group"]), (entry.pw_uid, entry.pw_gid))
        self.assertEqual(program.environment(), {"USER": "nobody", "LOGNAME": "nobody", "HOME": entry.pw_dir})

    def test_become_gives_root_up_for_good_or_is_refused(self):
        # As root this drops for real; as anybody else the same line must be a clear refusal.
        done = run("""
            import os
            from waitress._program import Program
            program = Program({"user": "nobody", "group": "54321"})
            if program.faults:
                print(program.faults[0])
            else:
                program.become()
                print(os.getresuid(), os.getresgid(), os.getgroups(), os.environ["USER"])
                try:
                    os.setuid(0)
                except PermissionError:
                    print("for good")
        """)
        self.assertEqual(done.stderr, "")
        if ROOT:
            import pwd

            uid = pwd.getpwnam("nobody").pw_uid
            groups = os.getgrouplist("nobody", 54321)
            self.assertEqual(done.stdout, f"({uid}, {uid}, {uid}) (54321, 54321, 54321) {sorted(groups)} nobody\nfor good\n")
        else:
            self.assertIn("user, group: only root may become another user or group", done.stdout)

    def test_spawned_worker_is_the_user_from_its_first_line_or_is_refused(self):
        program = Program({"user": "nobody"})
        if not ROOT:
            self.assertEqual(len(program.faults), 1)
            return
        # No Python, which may lie where only root can go.
        done = subprocess.run(["/bin/sh", "-c", "id -u; id -g; id -G"], capture_output=True, text=True, **{**program.spawn_options(), "cwd": "/"})
        uid, gid, *groups = map(int, done.stdout.split())
        self.assertEqual((uid, gid, sorted(set(groups))), (*program.account[:2], sorted(set(program.account.groups))))


if __name__ == "__main__":
    unittest.main()
