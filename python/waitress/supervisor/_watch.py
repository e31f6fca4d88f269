"""What ``--reload`` watches: the folders of the modules that the workers imported, and ``reload_extra``.

The system's own notification (inotify on Linux, kqueue on macOS and the BSDs) only says that it is time to look; what has changed
is found by comparing times and sizes. So a save by rename, a new file, a removed folder and a lost event all come out right, and
where there is no notification the same look is taken by the clock. Everything runs in the loop's thread; a look at a thousand files
takes some ten milliseconds.
"""
from __future__ import annotations

import logging
import os
import time

from waitress.supervisor._file_events import Unavailable, open_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from waitress.supervisor._loop import Loop, Timer

logger = logging.getLogger("waitress.supervisor")

# Editors and version control write several files, or one in several steps: look when nothing has come for so long,
QUIET_SECONDS = 0.05
# but at the latest after this, however much is written.
LONGEST_WAIT = 0.25
# Without notification.
POLL_SECONDS = 0.4
# A folder tree larger than this is watched in part, with a warning: node_modules, or a home directory, named by mistake.
MAX_FILES = 50_000
PYTHON = ".py"
# Folders that hold nothing an app is made of, but are written all the time.
PASSED_OVER = {"__pycache__", ".git", ".hg", ".svn", ".mypy_cache", ".pytest_cache", ".ruff_cache", "node_modules"}
# Intermediate files of editors (Vim, Emacs, JetBrains, GNOME) and compiled Python.
LEFT_OUT = (".pyc", ".pyo", ".swp", ".swx", "~", "___jb_tmp___", "___jb_old___")

Stamp = tuple[int, int, int]


class Watch:
    """Calls ``changed`` with the paths that differ, in the loop's thread."""

    def __init__(self, loop: Loop, changed: Callable[[list[str]], None], extra: Sequence[str] = ()) -> None:
        self._loop, self._changed = loop, changed
        self._extra = [os.path.abspath(path) for path in extra]
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._warned = False
        self._timer: Timer | None = None
        self._first_event = 0.0
        self._stamps: dict[str, Stamp] = {}
        for path in self._extra:
            if not os.path.exists(path):
                logger.warning("reload_extra: %s does not exist yet", path)
        try:
            self._events = open_events()
        except Unavailable as error:
            self._give_up(str(error))
        else:
            loop.add_reader(self._events.fileno(), self._noticed)
        self._poll: Timer | None = None
        self._stamps = self._refresh()
        if self._events is None:
            self._next_poll()

    def watch(self, files: Iterable[str]) -> None:
        """Watch these module files too, and any new module beside them. Nothing is ever taken away: what a broken import left out may be what
        has to be mended."""
        new = {os.path.abspath(path) for path in files} - self._files
        if not new:
            return
        before = self._stamps
        self._files |= new
        for path in new:
            # Both, when they differ: a link may be turned, or what it points to be written.
            self._folders.update((os.path.dirname(path), os.path.dirname(os.path.realpath(path))))
        # Known files keep their old stamps: a change since the last look must not be lost.
        self._stamps = {**self._refresh(), **before}

    def close(self) -> None:
        for timer in (self._timer, self._poll):
            if timer is not None:
                timer.cancel()
        if self._events is not None:
            self._loop.remove_reader(self._events.fileno())
            self._events.close()
            self._events = None

    def _noticed(self) -> None:
        assert self._events is not None
        if not any(self._concerns(folder, name) for folder, name in self._events.read()):
            return
        now = self._loop.now()
        if self._timer is None or not self._timer.pending:
            self._first_event = now
        else:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, min(QUIET_SECONDS, self._first_event + LONGEST_WAIT - now)), self._compare)

    def _concerns(self, folder: str, name: str) -> bool:
        # A database or a log that the app writes beside its modules must not cost a look each time.
        path = os.path.join(folder, name)
        if not name or name.endswith(PYTHON) or path in self._stamps or path in self._files:
            return True
        return not _passed_over(name) and (os.path.isdir(path) or any(_inside(path, extra) for extra in self._extra))

    def _compare(self) -> None:
        before, self._stamps = self._stamps, self._refresh()
        differing = sorted(path for path in before.keys() | self._stamps.keys() if before.get(path) != self._stamps.get(path))
        if differing:
            self._changed(differing)

    def _refresh(self) -> dict[str, Stamp]:
        # First the notification, then the look: what comes to a new folder between the two is seen by one of them.
        self._follow(self._stamps)
        found = self._look()
        if found.keys() != self._stamps.keys():
            self._follow(found)
        return found

    def _look(self) -> dict[str, Stamp]:
        found: dict[str, Stamp] = {}
        for path in self._paths():
            if path not in found:
                stamp = _stamp(path)
                if stamp is not None:
                    found[path] = stamp
            if len(found) >= MAX_FILES:
                if not self._warned:
                    self._warned = True
                    logger.warning("--reload watches only %d files; name smaller folders in reload_extra", MAX_FILES)
                break
        return found

    def _paths(self) -> Iterator[str]:
        yield from self._files
        # A new folder beside the modules may be a package that an import waits for: its files count, what is deeper does not.
        for folder in list(self._folders):
            for entry in _entries(folder):
                if entry.name.endswith(PYTHON):
                    yield entry.path
                elif _is_folder(entry):
                    yield from (inner.path for inner in _entries(entry.path) if inner.name.endswith(PYTHON))
        for path in self._extra:
            yield path
            for folder, folders, names in os.walk(path):
                folders[:] = [name for name in folders if not _passed_over(name)]
                yield from (os.path.join(folder, name) for name in names if not _passed_over(name))

    def _follow(self, files: dict[str, Stamp]) -> None:
        """Have the system tell of every folder that matters now; known ones cost nothing."""
        if self._events is None:
            return
        folders = set(self._folders)
        for folder in self._folders:
            folders.update(entry.path for entry in _entries(folder) if _is_folder(entry))
        for path in self._extra:
            folders.add(os.path.dirname(path))
            for folder, inner, _ in os.walk(path):
                inner[:] = [name for name in inner if not _passed_over(name)]
                folders.add(folder)
                if len(folders) > MAX_FILES:
                    break
        try:
            self._events.follow(folders, files)
        except Unavailable as error:
            self._loop.remove_reader(self._events.fileno())
            self._events.close()
            self._give_up(str(error))
            self._next_poll()

    def _give_up(self, reason: str) -> None:
        logger.warning("--reload looks at the files every %.1f s, since the system does not tell of changes: %s", POLL_SECONDS, reason)
        self._events = None

    def _next_poll(self) -> None:
        def look() -> None:
            self._compare()
            self._next_poll()

        self._poll = self._loop.call_later(POLL_SECONDS, look)


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # Of a folder only that it is there: its times change with every file in it.
    return (0, 0, 0) if os.path.isdir(path) else (found.st_mtime_ns, found.st_size, found.st_ino)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return not _passed_over(entry.name) and entry.is_dir()
    except OSError:
        return False


def _passed_over(name: str) -> bool:
    return name in PASSED_OVER or name.endswith(LEFT_OUT)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
