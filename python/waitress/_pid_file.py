"""The file of ``--pid``: the number of the process and a line end, for scripts that send signals to it."""
from __future__ import annotations

import os

# A file with more than this is something else, and is not replaced.
MAX_BYTES = 64


class InUseError(OSError):
    """The file is not ours to replace; the text says whose it is."""


class PidFile:
    """Written by write(), whole or not at all; removed by remove() while it is still ours."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)  # an app may change the folder

    def write(self) -> None:
        """Raises OSError, its text ready to print, when the file belongs to a running process or can't be written.

        A file of the parent is taken over: that is the program which this one is the upgrade of (SIGUSR2).
        """
        temporary = f"{self._path}.{os.getpid()}"
        try:
            _remove(temporary)
            # Exclusive: in a folder where others may write, nobody's link is followed. Nobody else may write into it either.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                os.write(descriptor, f"{os.getpid()}\n".encode())
                os.close(descriptor)
                self._put(temporary)
            finally:
                _remove(temporary)
        except InUseError:
            raise
        except OSError as error:
            raise OSError(f"The pid file {self._path} can't be written: {error.strerror}") from error

    def _put(self, temporary: str) -> None:
        try:
            # link() refuses an existing name: of two programs that start at once, one wins.
            os.link(temporary, self._path)
        except (OSError, AttributeError, NotImplementedError):  # it exists, or the file system has no hard links
            self._check_other()
            os.replace(temporary, self._path)

    def ensure(self) -> None:
        """Write it again when it is gone: the upgraded program that had taken it over was stopped, and this one goes on."""
        if not os.path.exists(self._path):
            self.write()

    def give_to(self, uid: int, gid: int) -> None:
        """Before root is given up: the file can then be emptied at the end, where its folder allows no removal."""
        os.chown(self._path, uid, gid)

    def remove(self) -> None:
        """Never raises: the program is at its end, and what can't be removed is recognised as stale by the next one."""
        try:
            if self._owner() != os.getpid():
                return
        except OSError:
            return
        for end in (os.unlink, lambda path: os.truncate(path, 0)):
            try:
                end(self._path)
                return
            except OSError:
                pass

    def _check_other(self) -> None:
        owner = self._owner()
        if owner in (None, os.getpid()) or owner == _parent():
            return
        if _runs(owner):
            raise InUseError(f"The pid file {self._path} belongs to the running process {owner}; "
                             "stop it first, or remove the file if that process is something else")

    def _owner(self) -> int | None:
        """The process that the file names; None for an empty one. OSError when it is no pid file."""
        try:
            with open(self._path, "rb") as file:
                text = file.read(MAX_BYTES + 1).strip()
        except FileNotFoundError:
            return None
        if not text:
            return None
        if not text.isdigit() or len(text) > 10:
            raise InUseError(f"The pid file {self._path} holds something else than a process id and is left as it is")
        return int(text)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _parent() -> int:
    # Process 1 started us only where it is the container's own program, and then it is no older server.
    parent = os.getppid()
    return parent if parent > 1 else 0


def _runs(process: int) -> bool:
    if os.name == "nt":
        # kill(pid, 0) would end the process there; the task list is not worth its time: the port decides.
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
