"""The system's notification that files have changed: inotify(7) by ctypes on Linux, kqueue by the select module elsewhere.

Chosen over .NET's FileSystemWatcher: both are a descriptor that the supervisor's loop can wait for beside its others, without a thread,
without the engine's part of the process, and they can be tested as what they are.
"""
from __future__ import annotations

import os
import select
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# <sys/inotify.h>; IN_CLOEXEC and IN_NONBLOCK are open(2)'s flags.
IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO = 0x4, 0x8, 0x40, 0x80
IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF = 0x100, 0x200, 0x400, 0x800
IN_Q_OVERFLOW, IN_IGNORED, IN_ONLYDIR, IN_ISDIR = 0x4000, 0x8000, 0x0100_0000, 0x4000_0000
# Not IN_MODIFY: the end of a write says the same once. A creation counts for folders and links; a file is told of when it was written.
WANTED = IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
EVENT = struct.Struct("iIII")
# Each watched file and folder needs a descriptor of its own with kqueue; the usual limit of open files on macOS is 256.
MAX_KQUEUE = 150


class Unavailable(Exception):
    """There is no notification, or not for so much; the text says why."""


class Inotify:
    """Folders only: a file that is replaced keeps its name, not its inode."""

    def __init__(self) -> None:
        import ctypes

        self._errno = ctypes.get_errno
        try:
            library = ctypes.CDLL(None, use_errno=True)
            self._add: Any = library.inotify_add_watch
            self._fd = int(library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except (OSError, AttributeError) as error:
            raise Unavailable(f"inotify: {error}") from error
        if self._fd < 0:
            raise Unavailable(f"inotify: {os.strerror(self._errno())}")
        self._folders: dict[int, str] = {}

    def fileno(self) -> int:
        return self._fd

    def follow(self, folders: Iterable[str], files: Iterable[str]) -> None:
        """Tell of these folders; ones that are missing are passed over. ``files`` in them are told of with them."""
        known = set(self._folders.values())
        for folder in folders:
            if folder in known:
                continue
            number = int(self._add(self._fd, os.fsencode(folder), WANTED | IN_ONLYDIR))
            if number >= 0:
                # One folder by two names has one number; either name does.
                self._folders[number] = folder
            elif self._errno() in (28, 12):  # ENOSPC: fs.inotify.max_user_watches; ENOMEM
                raise Unavailable(f"inotify: {os.strerror(self._errno())} for {folder}; the limit is fs.inotify.max_user_watches")

    def read(self) -> list[tuple[str, str]]:
        """(folder, name) of everything since the last call; the name is empty for the folder itself, and both when events were lost."""
        found = []
        while True:
            try:
                data = os.read(self._fd, 64 * 1024)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                number, mask, _, length = EVENT.unpack_from(data, at)
                at += EVENT.size
                name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
                at += length
                folder = self._folders.get(number, "")
                if mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF):
                    # It may come back under its name: then follow() takes it up again.
                    self._folders.pop(number, None)
                if mask & IN_CREATE and not mask & IN_ISDIR and not os.path.islink(os.path.join(folder, name)):
                    continue
                found.append((folder, name))

    def close(self) -> None:
        os.close(self._fd)


class Kqueue:
    """Files and folders, each by a descriptor that is open as long as it is watched."""

    def __init__(self) -> None:
        self._queue: Any = getattr(select, "kqueue")()
        self._open: dict[str, int] = {}

    def fileno(self) -> int:
        return int(self._queue.fileno())

    def follow(self, folders: Iterable[str], files: Iterable[str]) -> None:
        # By getattr: type checkers know these names only for the systems that have them.
        flags = 0
        for name in ("WRITE", "EXTEND", "ATTRIB", "DELETE", "RENAME"):
            flags |= getattr(select, f"KQ_NOTE_{name}")
        for path in (*folders, *files):
            if path in self._open:
                continue
            if len(self._open) >= MAX_KQUEUE:
                raise Unavailable(f"kqueue: more than {MAX_KQUEUE} files and folders")
            try:
                # O_EVTONLY of macOS does not keep a volume from being unmounted.
                fd = os.open(path, getattr(os, "O_EVTONLY", os.O_RDONLY) | os.O_CLOEXEC)
            except OSError:
                continue
            self._open[path] = fd
            how = getattr(select, "KQ_EV_ADD") | getattr(select, "KQ_EV_CLEAR")
            self._queue.control([getattr(select, "kevent")(fd, getattr(select, "KQ_FILTER_VNODE"), how, flags)], 0)

    def read(self) -> list[tuple[str, str]]:
        found = []
        gone = getattr(select, "KQ_NOTE_DELETE") | getattr(select, "KQ_NOTE_RENAME")
        paths = {fd: path for path, fd in self._open.items()}
        while True:
            events = self._queue.control([], 64, 0)
            if not events:
                return found
            for event in events:
                path = paths.get(event.ident)
                if path is None:
                    continue
                if event.fflags & gone:
                    fd = self._open.pop(path, None)
                    if fd is not None:
                        os.close(fd)
                        paths.pop(fd, None)
                # A folder does not say which of its names: the look that follows finds it.
                found.append((path, "") if os.path.isdir(path) else (os.path.dirname(path), os.path.basename(path)))

    def close(self) -> None:
        self._queue.close()
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()


def open_events() -> Inotify | Kqueue:
    """The notification of this system; Unavailable where there is none."""
    if sys.platform == "linux":
        return Inotify()
    if hasattr(select, "kqueue"):
        return Kqueue()
    raise Unavailable(f"none is known for {sys.platform}")
