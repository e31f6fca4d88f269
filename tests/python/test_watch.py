import os
import sys
import tempfile
import time
import types
import unittest
from unittest import mock

if os.name == "nt":
    raise unittest.SkipTest("there is no supervisor on Windows")

from waitress.supervisor import _file_events, _watch
from waitress.supervisor._file_events import Unavailable
from waitress.supervisor._loop import Loop
from waitress.supervisor._watch import Watch


class WatchCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        self.loop = Loop()
        self.addCleanup(self.loop.close)
        self.seen = []

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, *names, text="x = 1\n"):
        path = self.path(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def watch(self, *files, extra=()):
        watch = Watch(self.loop, lambda paths: self.seen.append([os.path.relpath(path, self.folder) for path in paths]), extra)
        self.addCleanup(watch.close)
        watch.watch(files)
        return watch

    def expect(self, *wanted):
        """The next change that is told holds these paths."""
        deadline = time.monotonic() + 10
        while not self.seen and time.monotonic() < deadline:
            self.loop.turn(0.1)
        self.assertTrue(self.seen, "no change was told")
        first = self.seen.pop(0)
        for name in wanted:
            self.assertIn(name, first)

    def expect_nothing_but(self, name, do):
        """``do`` is not told of: a change after it is the first one that is."""
        do()
        for _ in range(5):
            self.loop.turn(0.02)
        self.write(name, text="# the marker\n")
        self.expect(name)
        self.assertEqual(self.seen, [])


class WatchTest(WatchCase):
    def test_written_module_is_told(self):
        module = self.write("app.py")
        self.watch(module)
        self.write("app.py", text="x = 22\n")
        self.expect("app.py")

    def test_save_by_rename_is_told_again_and_again(self):
        module = self.write("app.py")
        self.watch(module)
        for number in range(3):
            os.replace(self.write("app.py.new", text=f"x = {number}00\n"), module)
            self.expect("app.py")

    def test_new_module_beside_others_is_told(self):
        self.watch(self.write("app.py"))
        self.write("models.py")
        self.expect("models.py")

    def test_removed_and_made_again(self):
        module = self.write("app.py")
        self.watch(module)
        os.unlink(module)
        self.expect("app.py")
        self.write("app.py")
        self.expect("app.py")

    def test_new_package_is_told_with_its_modules(self):
        self.watch(self.write("app.py"))
        os.mkdir(self.path("shop"))
        for _ in range(5):
            self.loop.turn(0.02)
        self.write("shop", "__init__.py")
        self.expect(os.path.join("shop", "__init__.py"))

    def test_folder_that_was_removed_and_came_back_is_watched_again(self):
        module = self.write("pack", "app.py")
        watch = self.watch(module, self.write("main.py"))
        os.rename(self.path("pack"), self.path("away"))
        self.expect(os.path.join("pack", "app.py"))
        os.rename(self.path("away"), self.path("pack"))
        self.expect(os.path.join("pack", "app.py"))
        watch.watch([module])
        self.write("pack", "app.py", text="changed = True\n")
        self.expect(os.path.join("pack", "app.py"))

    def test_module_behind_a_link_is_told_when_its_file_or_the_link_changes(self):
        real = self.write("releases", "one", "app.py")
        other = self.write("releases", "two", "app.py", text="another = 2\n")
        os.mkdir(self.path("live"))
        link = self.path("live", "app.py")
        os.symlink(real, link)
        self.watch(link)
        self.write("releases", "one", "app.py", text="x = 333\n")
        self.expect(os.path.join("live", "app.py"))
        os.symlink(other, link + ".new")
        os.replace(link + ".new", link)
        self.expect(os.path.join("live", "app.py"))

    def test_changes_at_once_are_told_once(self):
        self.watch(*[self.write(f"m{number}.py") for number in range(20)])
        for number in range(20):
            self.write(f"m{number}.py", text="y = 12345\n")
        self.expect("m0.py", "m19.py")
        self.assertEqual(self.seen, [])

    def test_what_is_no_source_is_not_told(self):
        self.watch(self.write("app.py"))

        def litter():
            self.write("app.sqlite3")
            self.write("__pycache__", "app.cpython-311.pyc")
            self.write(".app.py.swp")
            self.write("server.log")
            self.write("app.sqlite3", text="more\n" * 100)

        self.expect_nothing_but("app.py", litter)

    def test_time_of_access_and_mode_are_no_change(self):
        module = self.write("app.py")
        self.watch(module)
        self.expect_nothing_but("app.py", lambda: os.chmod(module, 0o600))

    def test_touched_file_is_told(self):
        module = self.write("app.py")
        self.watch(module)
        os.utime(module, (1, 1))
        self.expect("app.py")

    def test_change_before_the_file_was_known_is_not_lost(self):
        self.write("app.py")
        watch = self.watch(self.path("app.py"))
        later = self.write("later.py")
        watch.watch([later])
        self.write("app.py", text="x = 55\n")
        watch.watch([self.path("other.py")])
        self.expect("app.py")

    def test_extra_folder_counts_with_all_below_and_what_comes_new(self):
        self.write("templates", "a", "b.html")
        self.watch(extra=[self.path("templates")])
        self.write("templates", "a", "b.html", text="<p>")
        self.expect(os.path.join("templates", "a", "b.html"))
        os.makedirs(self.path("templates", "c", "d"))
        for _ in range(10):
            self.loop.turn(0.02)
        self.seen.clear()
        self.write("templates", "c", "d", "e.html")
        self.expect(os.path.join("templates", "c", "d", "e.html"))

    def test_extra_file_counts_and_its_neighbours_do_not(self):
        self.write("settings.toml")
        self.watch(extra=[self.path("settings.toml")])
        self.write("other.toml")
        self.expect_nothing_but("settings.toml", lambda: self.write("another.toml"))

    def test_extra_that_does_not_exist_yet_is_a_warning_and_counts_when_it_comes(self):
        with self.assertLogs("waitress.supervisor", "WARNING") as logs:
            self.watch(extra=[self.path("later.toml")])
        self.assertIn("later.toml does not exist yet", logs.output[0])
        self.write("later.toml")
        self.expect("later.toml")

    def test_tree_without_a_bound_is_watched_in_part_with_a_warning(self):
        for number in range(5):
            self.write("tree", f"{number}.txt")
        with mock.patch.object(_watch, "MAX_FILES", 3), self.assertLogs("waitress.supervisor", "WARNING") as logs:
            self.watch(extra=[self.path("tree")])
        self.assertIn("watches only 3 files", logs.output[0])


class PollTest(WatchTest):
    """The same without notification."""

    def setUp(self):
        super().setUp()
        for patch in (mock.patch.object(_watch, "open_events", side_effect=Unavailable("none")),
                      mock.patch.object(_watch, "POLL_SECONDS", 0.02)):
            patch.start()
            self.addCleanup(patch.stop)

    def test_changes_at_once_are_told_once(self):
        pass  # a look may fall between two writes

    def test_tree_without_a_bound_is_watched_in_part_with_a_warning(self):
        pass  # another warning comes first

    def test_extra_that_does_not_exist_yet_is_a_warning_and_counts_when_it_comes(self):
        pass

    def watch(self, *files, extra=()):
        with self.assertLogs("waitress.supervisor", "WARNING") as logs:
            made = super().watch(*files, extra=extra)
        self.assertTrue(any("looks at the files every" in line for line in logs.output))
        return made


@unittest.skipUnless(sys.platform == "linux", "inotify is Linux's")
class InotifyLimitTest(WatchCase):
    def test_limit_of_the_system_leads_to_looks_by_the_clock(self):
        from waitress.supervisor._file_events import Inotify

        with mock.patch.object(Inotify, "follow", side_effect=Unavailable("No space left")), \
                mock.patch.object(_watch, "POLL_SECONDS", 0.02), self.assertLogs("waitress.supervisor", "WARNING") as logs:
            self.watch(self.write("app.py"))
            self.assertIn("No space left", logs.output[0])
            self.write("app.py", text="x = 4444\n")
            self.expect("app.py")
        self.assertEqual(len(logs.output), 1)


class FakeKqueue:
    """The kernel's part of kqueue(2) as far as Kqueue uses it; only the calls and what they return, no files."""

    KQ_NOTE_WRITE, KQ_NOTE_EXTEND, KQ_NOTE_ATTRIB, KQ_NOTE_DELETE, KQ_NOTE_RENAME = 1, 2, 4, 8, 16
    KQ_EV_ADD, KQ_EV_CLEAR, KQ_FILTER_VNODE = 1, 2, -4

    def __init__(self):
        self.registered, self.pending = {}, []

    def kqueue(self):
        return self

    def kevent(self, fd, filter, flags, fflags):
        return types.SimpleNamespace(ident=fd, filter=filter, flags=flags, fflags=fflags)

    def control(self, changes, most, *timeout):
        for change in changes:
            self.registered[change.ident] = change
        taken, self.pending = self.pending[:most], self.pending[most:]
        return taken

    def close(self):
        pass


class KqueueTest(WatchCase):
    """Against a stand-in: the real one is on macOS and the BSDs only."""

    def setUp(self):
        super().setUp()
        self.kernel = FakeKqueue()
        for name in dir(FakeKqueue):
            if name.startswith(("KQ_", "kqueue", "kevent")):
                patch = mock.patch.object(_file_events.select, name, getattr(self.kernel, name), create=True)
                patch.start()
                self.addCleanup(patch.stop)
        self.events = _file_events.Kqueue()
        self.addCleanup(self.events.close)

    def happen(self, path, what):
        self.kernel.pending.append(types.SimpleNamespace(ident=self.events._open[path], fflags=what))

    def test_files_and_folders_are_told_and_one_that_went_is_taken_up_again(self):
        module = self.write("app.py")
        for _ in range(2):
            self.events.follow([self.folder], [module, self.path("none.py")])
        self.assertEqual(len(self.kernel.registered), 2)
        self.assertTrue(all(event.fflags == 31 for event in self.kernel.registered.values()))
        self.happen(module, FakeKqueue.KQ_NOTE_WRITE)
        self.happen(self.folder, FakeKqueue.KQ_NOTE_WRITE)
        self.assertEqual(self.events.read(), [(self.folder, "app.py"), (self.folder, "")])
        self.happen(module, FakeKqueue.KQ_NOTE_RENAME)
        self.events.read()
        self.assertNotIn(module, self.events._open)
        self.events.follow([self.folder], [module])
        self.assertIn(module, self.events._open)

    def test_more_than_the_bound_is_unavailable(self):
        with mock.patch.object(_file_events, "MAX_KQUEUE", 1), self.assertRaisesRegex(Unavailable, "more than 1 files"):
            self.events.follow([self.folder], [self.write("app.py")])


if __name__ == "__main__":
    unittest.main()
