"""The build backend without a compiler: metadata, wheel and sdist as files, the platform tag of a real ELF file."""
import base64
import contextlib
import csv
import hashlib
import io
import os
import platform
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

ENG = Path(__file__).resolve().parents[2] / "eng"
sys.path.insert(0, str(ENG))

import build_backend  # noqa: E402
import native_build  # noqa: E402
import platform_tag  # noqa: E402
import project_metadata  # noqa: E402
import wheel_file  # noqa: E402


class BackendTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    if sys.version_info >= (3, 11):
        def test_metadata_reader_agrees_with_a_toml_parser(self):
            import tomllib

            text = (project_metadata.ROOT / "pyproject.toml").read_text(encoding="utf-8")
            ours, theirs = project_metadata.read_toml(text), tomllib.loads(text)
            self.assertEqual(ours["build-system"], theirs["build-system"])
            scripts, groups = theirs["project"].pop("scripts"), theirs["project"].pop("entry-points")
            self.assertEqual(ours["project"], theirs["project"])
            self.assertEqual(project_metadata.entry_points(), {"console_scripts": scripts, **groups})

    def test_wheel_holds_what_its_record_says_and_is_reproducible(self):
        native = native_build.TARGET
        library = self.directory / native.name
        library.write_bytes(b"a library")
        # Only the native file is made up: the rest of the wheel is the package as it is.
        with mock.patch.object(build_backend, "platform_tag", lambda path: "any_test"), \
                mock.patch.object(native_build, "ensure", lambda: native), \
                mock.patch.object(Path, "read_bytes", reading(native, library)):
            names = [build_backend.build_wheel(self.directory / folder) for folder in ("a", "b")]
        self.assertEqual(names[0], f"waitress_sharp-{project_metadata.version()}-py3-none-any_test.whl")
        one, two = ((self.directory / folder / names[0]).read_bytes() for folder in ("a", "b"))
        self.assertEqual(one, two)
        with zipfile.ZipFile(io.BytesIO(one)) as archive:
            record = archive.read(f"{wheel_file.dist_info()}/RECORD").decode()
            rows = {row[0]: row[1:] for row in csv.reader(record.splitlines())}
            self.assertEqual(set(rows), set(archive.namelist()))
            for name, (digest, size) in rows.items():
                if not name.endswith("RECORD"):
                    data = archive.read(name)
                    expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                    self.assertEqual((digest, size), (f"sha256={expected}", str(len(data))), name)
            self.assertIn("waitress-serve = waitress.runner:run", archive.read(f"{wheel_file.dist_info()}/entry_points.txt").decode())
            needed = {"waitress/__init__.py", "waitress/py.typed", "waitress/_native.pyi", f"waitress/{native.name}"}
            self.assertLessEqual(needed, set(rows))

    def test_installed_wheel_is_importable_and_has_its_command(self):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.directory / "venv"], check=True)
        python = next(path for path in self.directory.glob("venv/*/python*") if path.is_file())
        info = wheel_file.dist_info()
        files = {"waitress_probe.py": b"def run(): return 3\n", f"{info}/METADATA": project_metadata.metadata().encode()}
        name = wheel_file.write(self.directory, "py3-none-any", files)
        scripts = {"console_scripts": {"probe-serve": "waitress_probe:run"}}
        with mock.patch.object(wheel_file, "entry_points", lambda: scripts):
            wheel_file.install(self.directory / name, str(python))
        self.assertEqual(subprocess.run([python.parent / "probe-serve"]).returncode, 3)
        code = "import importlib.metadata; print(importlib.metadata.version('waitress-sharp'))"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), project_metadata.version(), done.stderr)

    def test_sdist_can_build_and_holds_nothing_built(self):
        name = build_backend.build_sdist(self.directory)
        with tarfile.open(self.directory / name) as archive:
            members = archive.getmembers()
        top = name[: -len(".tar.gz")]
        paths = {member.name for member in members}
        self.assertLessEqual({f"{top}/{path}" for path in (
            "PKG-INFO", "pyproject.toml", "eng/build_backend.py", "src/Waitress.Native/Waitress.Native.csproj",
            "python/waitress/__init__.py", "Directory.Build.props", "LICENSE", "global.json")}, paths)
        self.assertFalse([path for path in paths if "/obj/" in path or "/bin/" in path or "_native.so" in path or "__pycache__" in path])
        self.assertEqual({member.mtime for member in members}, {0})

    if (project_metadata.ROOT / ".git").exists() and shutil.which("git"):
        def test_sdist_holds_every_file_of_the_repository(self):
            # Those that are there: a file may have been deleted and not yet been committed so.
            listed = subprocess.run(["git", "ls-files", "-z"], cwd=project_metadata.ROOT, capture_output=True, text=True, check=True).stdout
            files = {name for name in listed.split("\0") if name and (project_metadata.ROOT / name).is_file()}
            name = build_backend.build_sdist(self.directory)
            with tarfile.open(self.directory / name) as archive:
                held = {member.name.partition("/")[2] for member in archive.getmembers()}
            self.assertEqual(files - held, set())

    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        def test_platform_tag_names_the_glibc_a_file_needs(self):
            import _ctypes

            # The interpreter itself where the module is a part of it.
            file = Path(getattr(_ctypes, "__file__", sys.executable))
            libraries, versions = platform_tag.elf_needs(file.read_bytes())
            self.assertIn("libc.so.6", libraries)
            self.assertTrue(any(version.startswith("GLIBC_2.") for version in versions))
            # libffi, for one, is not part of what every Linux has: such a file must not be called manylinux.
            expected = "manylinux_2_" if all(map(platform_tag.SYSTEM_LIBRARIES.match, libraries)) else "linux_"
            self.assertTrue(platform_tag.platform_tag(file).startswith(expected))

    def test_platform_tag_takes_the_newest_version_as_numbers(self):
        needs = ({"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, {"GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.9", "GLIBC_PRIVATE"})
        with mock.patch.object(platform_tag, "elf_needs", lambda data: needs), mock.patch.object(sys, "platform", "linux"), \
                mock.patch("platform.machine", lambda: "x86_64"):
            self.assertEqual(platform_tag.platform_tag(Path(__file__)), "manylinux_2_34_x86_64")

    def test_platform_tag_of_musl_is_its_version_and_of_anything_more_the_machine_alone(self):
        told = mock.Mock(stderr="musl libc (x86_64)\nVersion 1.2.5\nDynamic Program Loader\n")
        loader = [Path("/lib/ld-musl-x86_64.so.1")]
        for libraries, expected in (({"libc.musl-x86_64.so.1"}, "musllinux_1_2_x86_64"), ({"libc.musl-x86_64.so.1", "libstdc++.so.6"}, "linux_x86_64")):
            with self.subTest(expected), mock.patch.object(platform_tag, "elf_needs", lambda data, libraries=libraries: (libraries, set())), \
                    mock.patch.object(sys, "platform", "linux"), mock.patch("platform.machine", lambda: "x86_64"), \
                    mock.patch.object(Path, "glob", lambda path, pattern: loader), mock.patch("subprocess.run", lambda *args, **kw: told):
                self.assertEqual(platform_tag.platform_tag(Path(__file__)), expected)
        with mock.patch.object(Path, "glob", lambda path, pattern: []), self.assertRaises(SystemExit):
            platform_tag.musl_version()

    def test_platform_tag_of_macos_is_what_the_file_says(self):
        file = self.directory / "_native.dylib"
        for command, fields, expected in (
            (platform_tag.LC_BUILD_VERSION, (1, 13 << 16 | 3 << 8, 0, 0), "macosx_13_0_arm64"),
            (platform_tag.LC_VERSION_MIN_MACOSX, (10 << 16 | 15 << 8, 0), "macosx_10_15_arm64"),
        ):
            command_bytes = struct.pack(f"<{2 + len(fields)}I", command, 8 + 4 * len(fields), *fields)
            other = struct.pack("<4I", 0x19, 16, 0, 0)
            file.write_bytes(struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, 2, 0, 0, 0) + other + command_bytes)
            with self.subTest(expected), mock.patch.object(sys, "platform", "darwin"), mock.patch("platform.machine", lambda: "arm64"):
                self.assertEqual(platform_tag.platform_tag(file), expected)
        for wrong in (b"\x7fELF", struct.pack("<8I", 0xFEEDFACF, 0, 0, 6, 0, 0, 0, 0)):
            with self.assertRaises(SystemExit):
                platform_tag.macho_system(wrong)

    def test_missing_tools_are_named_together_with_the_remedy(self):
        with mock.patch("shutil.which", lambda name: None), self.assertRaises(native_build.BuildError) as caught:
            native_build.build()
        self.assertIn("dotnet", str(caught.exception))
        if os.name != "nt":
            self.assertIn("clang or gcc", str(caught.exception))

    def test_framework_falls_back_only_when_the_package_does_not_exist(self):
        answers = {"error NU1101: Unable to find package": "net9.0", "error NU1301: no route": None}
        for text, expected in answers.items():
            with self.subTest(text), mock.patch.object(native_build, "ARTIFACTS", self.directory / (expected or "x")), \
                    mock.patch.object(native_build, "_dotnet", raising(native_build.BuildError(text))), \
                    mock.patch("subprocess.run", lambda *args, **kw: mock.Mock(stdout="10.0.100\n")), \
                    mock.patch.dict(os.environ), contextlib.redirect_stderr(io.StringIO()):
                os.environ.pop("WaitressFramework", None)
                if expected is None:
                    self.assertRaises(native_build.BuildError, native_build._framework, "linux-x64")
                else:
                    self.assertEqual(native_build._framework("linux-x64"), expected)
                remembered = list(native_build.ARTIFACTS.glob("framework-*"))
                self.assertEqual(len(remembered), 1 if expected else 0)


def reading(native, stand_in):
    real = Path.read_bytes
    return lambda path: real(stand_in if path == native else path)


def raising(error):
    def function(*args, **kw):
        raise error

    return function


if __name__ == "__main__":
    unittest.main()
