"""For tests of logging: each finds and leaves Python's logging as it was at the start of a program."""
import contextlib
import io
import logging
import os
import tempfile
import unittest

import fake_native

from waitress import _logging

fake_native.install()


class LoggingCase(unittest.TestCase):
    def setUp(self):
        self.logger, self.root = logging.getLogger("waitress"), logging.getLogger()
        before = self.logger.level, self.logger.propagate, list(self.logger.handlers), list(self.root.handlers)
        self.logger.setLevel(logging.NOTSET)
        self.logger.handlers[:], self.root.handlers[:] = [], []
        self.logger.propagate = True
        folder = tempfile.TemporaryDirectory()
        self.folder = folder.name

        def put_back():
            _logging.set_up({})
            for handler in [*self.logger.handlers, *self.root.handlers]:
                handler.close()
            self.logger.level, self.logger.propagate, self.logger.handlers[:], self.root.handlers[:] = before
            logging.Logger.manager._clear_cache()
            folder.cleanup()

        self.addCleanup(put_back)
        self.errors = io.StringIO()
        redirected = contextlib.redirect_stderr(self.errors)
        redirected.__enter__()
        self.addCleanup(redirected.__exit__, None, None, None)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read().splitlines()
