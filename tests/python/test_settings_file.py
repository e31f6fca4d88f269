import importlib.util
import os
import sys
import tempfile
import unittest
from unittest import mock

from waitress import _settings_file

TOML = any(importlib.util.find_spec(name) for name in ("tomllib", "tomli"))


class SettingsFileCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = os.path.realpath(directory.name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)

    def write(self, name, text, mode="w"):
        os.makedirs(os.path.dirname(os.path.abspath(name)), exist_ok=True)
        with open(name, mode) as file:
            file.write(text)

    def error(self, config):
        with self.assertRaises(_settings_file.SettingsFileError) as caught:
            _settings_file.load(config, None)
        self.assertIn(config, str(caught.exception))
        return str(caught.exception)


class SettingsFileTest(SettingsFileCase):
    def test_no_file_gives_nothing(self):
        self.assertEqual(_settings_file.load(None, "app:app"), ({}, None))

    def test_file_that_is_missing_is_one_line(self):
        self.assertIn("can't be read", self.error("missing.toml"))

    def test_file_that_is_too_large_is_refused(self):
        self.write("large.toml", "#" * (_settings_file.MAX_BYTES + 1))
        self.assertIn("larger than", self.error("large.toml"))

    def test_without_a_parser_the_remedy_is_named(self):
        self.write("a.toml", "port = 1\n")
        with mock.patch.dict(sys.modules, tomllib=None, tomli=None):
            self.assertIn("pip install tomli", self.error("a.toml"))


class TomlTest(SettingsFileCase):
    """What a parser must have read first."""

    def test_config_reads_top_level_or_our_table(self):
        self.write("a.toml", "port = 1\nlisten = ['x:1', 'y:2']\n")
        self.assertEqual(_settings_file.load("a.toml", None), ({"port": 1, "listen": ["x:1", "y:2"]}, "a.toml"))
        self.write("b.toml", "port = 1\n[tool.waitress]\nport = 2\n")
        self.assertEqual(_settings_file.load("b.toml", None), ({"port": 2}, "b.toml"))

    def test_pyproject_of_a_project_without_our_table_has_no_settings(self):
        self.write("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['waitress']\n")
        self.assertEqual(_settings_file.load(None, None), ({}, None))
        self.assertEqual(_settings_file.load("pyproject.toml", None), ({}, "pyproject.toml"))

    def test_pyproject_in_the_current_directory_then_beside_the_app(self):
        self.write("app_home/site20/__init__.py", "raise AssertionError('imported')\n")
        self.write("app_home/pyproject.toml", "[tool.waitress]\nthreads = 8\n")
        sys.path.append(os.path.join(self.directory, "app_home"))
        self.addCleanup(sys.path.pop)
        self.assertEqual(_settings_file.load(None, "site20.web:app")[0], {"threads": 8})
        self.write("pyproject.toml", "[tool.waitress]\nthreads = 9\n")
        self.assertEqual(_settings_file.load(None, "site20.web:app")[0], {"threads": 9})

    def test_bad_contents_are_named(self):
        self.write("bad.toml", "port = \n")
        self.assertIn("not valid TOML", self.error("bad.toml"))
        self.write("latin.toml", b"ident = '\xe9'\n", "wb")
        self.assertIn("not valid TOML", self.error("latin.toml"))
        self.write("scalar.toml", "[tool]\nwaitress = 1\n")
        self.assertIn("not a table", self.error("scalar.toml"))
        self.write("deep.toml", "a = " + "[" * 100_000 + "\n")
        self.error("deep.toml")


def load_tests(loader, tests, pattern):
    """Python 3.10 without the package tomli reads no settings files."""
    classes = [SettingsFileTest, TomlTest] if TOML else [SettingsFileTest]
    return unittest.TestSuite(loader.loadTestsFromTestCase(each) for each in classes)


if __name__ == "__main__":
    unittest.main()
