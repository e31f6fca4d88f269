"""The worker's part of --reload: which files it tells, and what it serves while the app can't be imported."""
import os
import sys
import tempfile
import types
import unittest
from unittest import mock

from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import waitress
from waitress import _broken, _imported


class ImportedTest(unittest.TestCase):
    def test_own_modules_are_told_and_libraries_are_not(self):
        found = _imported.files()
        self.assertIn(os.path.abspath(__file__), found)
        for module in (os, tempfile, unittest, waitress, _imported):
            self.assertNotIn(os.path.abspath(module.__file__), found)

    def test_modules_of_any_kind_do_no_harm(self):
        class Lazy(types.ModuleType):
            def __getattribute__(self, name):
                raise RuntimeError(name)

        empty = types.ModuleType("empty")
        empty.__file__ = None
        strange = types.ModuleType("strange")
        strange.__file__ = 3
        late = types.ModuleType("late")
        late.__file__ = os.path.join(os.sep, "srv", "late.py")
        modules = {"lazy": Lazy("lazy"), "empty": empty, "strange": strange, "none": None, "late": late}
        with mock.patch.dict(sys.modules, modules):
            self.assertIn(late.__file__, _imported.files())

    def test_installed_packages_of_any_path_entry_are_left_out(self):
        module = types.ModuleType("package")
        module.__file__ = os.path.join(os.sep, "opt", "site-packages", "package.py")
        with mock.patch.dict(sys.modules, {"package": module}):
            self.assertIn(module.__file__, _imported.files())
            with mock.patch.object(sys, "path", [*sys.path, os.path.join(os.sep, "opt", "site-packages")]):
                self.assertNotIn(module.__file__, _imported.files())


class BrokenTest(unittest.TestCase):
    def ask(self, method):
        environ = {"REQUEST_METHOD": method}
        setup_testing_defaults(environ)
        answer = []
        body = validator(_broken.page("Traceback\n  é\nSyntaxError: x"))(environ, lambda status, headers, *more: answer.append((status, dict(headers))))
        try:
            return *answer[0], b"".join(body)
        finally:
            body.close()

    def test_page_is_the_traceback(self):
        status, headers, body = self.ask("GET")
        self.assertEqual(status, "500 Internal Server Error")
        self.assertEqual(headers["Content-Length"], str(len(body)))
        self.assertTrue(body.decode().endswith("\n\nTraceback\n  é\nSyntaxError: x\n"))

    def test_head_has_no_body(self):
        self.assertEqual(self.ask("HEAD")[2], b"")


if __name__ == "__main__":
    unittest.main()
