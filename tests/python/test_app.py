import os
import sys
import tempfile
import unittest

from waitress import _app


class AppTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = os.path.realpath(directory.name)
        old = os.getcwd(), list(sys.path), set(sys.modules)
        os.chdir(self.directory)

        def restore():
            os.chdir(old[0])
            sys.path[:] = old[1]
            for name in set(sys.modules) - old[2]:
                del sys.modules[name]

        self.addCleanup(restore)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def error(self, spec, call=False):
        with self.assertRaises(_app.AppError) as caught:
            _app.load(spec, call)
        return str(caught.exception)

    def test_colon_attribute_and_dotted_forms_name_the_same_app(self):
        self.write("site1/__init__.py", "")
        self.write("site1/web.py", "class Box:\n    @staticmethod\n    def app(environ, start_response): pass\n")
        for spec in ("site1.web:Box.app", "site1.web.Box.app"):
            self.assertEqual(_app.load(spec).__qualname__, "Box.app")

    def test_current_directory_comes_last_on_the_path(self):
        self.write("site2.py", "def app(e, s): pass\n")
        _app.load("site2:app")
        self.assertEqual(sys.path[-1], self.directory)

    def test_factory_is_called(self):
        self.write("site3.py", "def make():\n    def made(e, s): pass\n    return made\n")
        self.assertEqual(_app.load("site3:make", call=True).__name__, "made")

    def test_module_that_is_missing_tells_what_was_looked_for(self):
        message = self.error("no_such_module_x:app")
        self.assertIn("There is no module 'no_such_module_x'", message)
        self.assertIn(self.directory, message)
        self.assertNotIn("Traceback", message)

    def test_attribute_that_is_missing_tells_the_file(self):
        self.write("site4.py", "")
        message = self.error("site4:app")
        self.assertIn("has no attribute 'app'", message)
        self.assertIn("site4.py", message)

    def test_import_inside_the_app_that_fails_shows_the_apps_traceback(self):
        self.write("site5.py", "def load():\n    import no_such_dependency_x\nload()\napp = None\n")
        message = self.error("site5:app")
        self.assertIn("Traceback", message)
        self.assertIn("line 2, in load", message)
        self.assertIn("The app 'site5:app' could not be imported: ModuleNotFoundError", message)
        self.assertNotIn("_app.py", message)
        self.assertNotIn("pkgutil", message)

    def test_dotted_form_does_not_hide_the_failing_import(self):
        self.write("site6/__init__.py", "")
        self.write("site6/web.py", "import no_such_dependency_x\n")
        self.assertIn("No module named 'no_such_dependency_x'", self.error("site6.web.app"))

    def test_exception_while_importing_is_shown(self):
        self.write("site7.py", "raise ValueError('settings missing')\n")
        message = self.error("site7:app")
        self.assertIn("ValueError: settings missing", message)
        self.assertIn("site7.py", message)

    def test_syntax_error_is_shown_with_its_line(self):
        self.write("site8.py", "def app(:\n")
        self.assertIn("def app(:", self.error("site8:app"))

    def test_module_alone_hints_at_the_app_in_it(self):
        self.write("site9.py", "def application(e, s): pass\n")
        self.assertIn("did you mean site9:application?", self.error("site9"))

    def test_object_that_is_not_callable_is_refused(self):
        self.write("site10.py", "app = 5\n")
        self.assertIn("'site10:app' is an object of type int", self.error("site10:app"))

    def test_factory_that_returns_nothing_is_refused(self):
        self.write("site11.py", "def make(): pass\n")
        self.assertIn("what the factory 'site11:make' returned is None", self.error("site11:make", call=True))

    def test_factory_that_raises_shows_its_traceback(self):
        self.write("site12.py", "def make(): 1 / 0\n")
        message = self.error("site12:make", call=True)
        self.assertIn("ZeroDivisionError", message)
        self.assertIn("site12.py", message)

    def test_asynchronous_app_is_loaded(self):
        self.write("site13.py", "async def app(scope, receive, send): pass\n")
        self.assertEqual(_app.load("site13:app").__name__, "app")

    def test_spec_that_is_no_name_is_refused(self):
        for spec in ("", "a b:c", "./app.py", ":app", "app:"):
            with self.subTest(spec):
                self.error(spec)


if __name__ == "__main__":
    unittest.main()
