"""A program at a terminal of its own, for tests: what its screen shows, keys, changes of its size.

As a program: ``terminal.py STEPS COMMAND...``, STEPS a JSON array of ["until", TEXT] and ["send", KEYS]; prints the last screen and ends as COMMAND did.
"""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

SECONDS = 30
# The new session gets the terminal on its standard input as its own, so that Ctrl-C, Ctrl-Z and changes of the size become signals.
LEADER = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HOME = "\x1b[H"


class Program:
    def __init__(self, command, rows=30, columns=110, **environ):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.output = ""
        environ = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **environ}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environ.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEADER, *command], stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True, env=environ)

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def send(self, keys):
        os.write(self.master, keys.encode())

    @property
    def lines(self):
        """Of the last screen that was drawn."""
        return SEQUENCE.sub("", self.output.rpartition(HOME)[2]).replace("\r", "").split("\n")

    @property
    def modes(self):
        return termios.tcgetattr(self.slave)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.output += os.read(self.master, 65536).decode("utf-8", "replace")

    def until(self, condition):
        """A text that the screen shows, or a condition of the lines."""
        deadline = time.monotonic() + SECONDS
        while not (any(condition in line for line in self.lines) if isinstance(condition, str) else condition(self.lines)):
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join([f"Not within {SECONDS} s: {condition}", *self.lines]))
            self.read(0.1)

    def end(self):
        """Its exit code, when it has ended by itself."""
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError("The program has not ended")
            self.read(0.1)
        self.read(0)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def main():
    program = Program(sys.argv[2:])
    try:
        for what, text in json.loads(sys.argv[1]):
            getattr(program, what)(text)
        screen = program.lines
        program.send("q")
        code = program.end()
        print("\n".join(screen))
        return code if program.modes == program.before else 99
    finally:
        program.close()


if __name__ == "__main__":
    sys.exit(main())
