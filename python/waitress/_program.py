"""Where the program runs and as whom: --chdir, --pythonpath, --umask, --user and --group.

Receives the effective settings. ``Program.faults`` are judged before anything is opened, so that a user who does not exist
ends the program with code 2 and no socket. Then runner.run() calls, in this order: enter(), the opening of the sockets,
become() (a process without a supervisor) or Popen(**spawn_options()) (a supervisor, which stays what it is and never runs a
line of the app), and only then the import of the app. All of it in the main thread, before there is another one.
"""
from __future__ import annotations

import os
import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, NamedTuple

    class Account(NamedTuple):
        uid: int
        gid: int
        groups: list[int]
        name: str | None
        home: str | None
else:
    from collections import namedtuple

    Account = namedtuple("Account", "uid gid groups name home")

UNCHANGED = 0xFFFF_FFFF  # (uid_t) -1 means "leave it" to setreuid(2), so no user can have it


class Program:
    """What the settings say about the process itself."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.start_folder = os.getcwd()
        """The folder the program was started in. A worker and a new program (USR2) are started there again, since they
        read the same command line, with the same relative ``--chdir`` and ``--config``."""
        self.faults: list[str] = []
        self._umask: int | None = values.get("umask")
        self._folder: str | None = values.get("chdir")
        self._python_path: list[str] = list(values.get("pythonpath") or ())
        if self._folder is not None and not os.path.isdir(self._folder):
            self.faults.append(f"chdir: {self._folder} is not a folder")
        self.account = self._find_account(values.get("user"), values.get("group"))
        """Whom to become; None where nothing changes."""

    def enter(self, *, imports_app: bool = True) -> None:
        """Change folder, mask and import path. A supervisor does not import the app, and must not look for modules, perhaps as root,
        where the app's user may write: it leaves its import path alone."""
        if self._umask is not None:
            os.umask(self._umask)
        if self._folder is not None:
            os.chdir(self._folder)
        if imports_app:
            folders = list(dict.fromkeys(os.path.abspath(folder) for folder in self._python_path))
            sys.path[:] = folders + [folder for folder in sys.path if folder not in folders]

    @contextmanager
    def at_start(self) -> Iterator[None]:
        """In the folder where the program was started: the settings file is found again where it was found. For a process of one thread."""
        folder = os.getcwd()
        os.chdir(self.start_folder)
        try:
            yield
        finally:
            os.chdir(folder)

    def become(self) -> None:
        """Give up root for good, with the groups of the new user. What is open stays open."""
        if self.account is None:
            return
        # In this order: only root may set groups.
        try:
            os.setgroups(self.account.groups)
            os.setgid(self.account.gid)
            os.setuid(self.account.uid)
        except OSError as error:  # root of a container without the capabilities
            raise OSError(f"The change to user {self.account.uid} and group {self.account.gid} is not allowed: {error.strerror}") from error
        os.environ.update(self.environment())

    def spawn_options(self) -> dict[str, Any]:
        """Keywords of subprocess.Popen for a worker: it is the right user before its interpreter runs a single line."""
        options: dict[str, Any] = {"cwd": self.start_folder}
        if self.account is not None:
            options.update(user=self.account.uid, group=self.account.gid, extra_groups=self.account.groups)
        return options

    def environment(self) -> dict[str, str]:
        """Variables that name the user, as a login or systemd's User= sets them: an app must not look for its files in root's home."""
        found = {}
        if self.account is not None and self.account.name:
            found.update(USER=self.account.name, LOGNAME=self.account.name)
        if self.account is not None and self.account.home:
            found["HOME"] = self.account.home
        return found

    def own_unix_sockets(self, listen: Iterable[tuple[str, str]]) -> None:
        """Give the files of unix sockets to the user that serves them, so that unix_socket_perms speaks of that user."""
        if self.account is not None:
            for host, path in listen:
                if host == "unix":
                    os.chown(path, self.account.uid, self.account.gid)

    def _find_account(self, user: str | None, group: str | None) -> Account | None:
        if user is None and group is None:
            return None
        if os.name == "nt":
            self.faults.append("user, group: Windows has no such change; let the service manager start the server as that user")
            return None
        import pwd

        entry = None
        if user is None:
            uid = os.geteuid()
        elif _is_id(user):
            uid = int(user)
            entry = _look_up(pwd.getpwuid, uid)
        else:
            entry = _look_up(pwd.getpwnam, user)
            if entry is None:
                self.faults.append(f"user: there is no user '{user}'")
            uid = -1 if entry is None else entry.pw_uid
        gid = self._find_group(user, group, entry)
        if uid == -1 or gid is None:
            return None
        own = (os.geteuid(), os.getegid())
        if (uid, gid) == own and own[0] != 0:
            return None  # Already there: a worker, or a program that its service manager started as that user.
        if own[0] != 0:
            named = ", ".join(name for name, value in (("user", user), ("group", group)) if value is not None)
            self.faults.append(f"{named}: only root may become another user or group, and the program runs as user {own[0]}, group {own[1]}")
            return None
        name = None if entry is None else entry.pw_name
        groups = [gid] if name is None else os.getgrouplist(name, gid)
        return Account(uid, gid, groups, name, None if entry is None else entry.pw_dir)

    def _find_group(self, user: str | None, group: str | None, entry: Any) -> int | None:
        import grp

        if group is None:
            if entry is None and user is not None and _is_id(user):
                self.faults.append(f"user: the system does not know user {user}, so say the group too")
            return None if entry is None else entry.pw_gid
        if _is_id(group):
            return int(group)
        found = _look_up(grp.getgrnam, group)
        if found is None:
            self.faults.append(f"group: there is no group '{group}'")
        return None if found is None else found.gr_gid


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) < UNCHANGED


def _look_up(find: Any, key: str | int) -> Any:
    try:
        return find(key)
    except KeyError:
        return None
