"""The build of the Python package: a PEP 517 and PEP 660 backend that needs nothing but Python, the .NET SDK and a linker.

Front ends (pip, build) call the functions named by the two PEPs. The scripts of this repository call it as a program:
``build_backend.py native``, ``wheel DIR``, ``sdist DIR``, ``install WHEEL PYTHON``.
"""
from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # for front ends that drop backend-path after the import

import native_build
import wheel_file
from platform_tag import platform_tag
from project_metadata import DISTRIBUTION, ROOT, entry_points_file, metadata, version

PACKAGE = ROOT / "python"
SOURCE_ROOTS = (".ci", ".github", "deploy", "src", "python", "eng", "tests", "examples", "docs", "bench")
NOT_SOURCE = {"bin", "obj", "__pycache__", "artifacts", "TestResults"}


def get_requires_for_build_wheel(config_settings=None):
    return []


get_requires_for_build_sdist = get_requires_for_build_editable = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    for name, data in _dist_info_files().items():
        path = Path(metadata_directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return wheel_file.dist_info()


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    library = native_build.ensure()
    files = {path.relative_to(PACKAGE).as_posix(): path.read_bytes() for path in _package_files()}
    files[library.relative_to(PACKAGE).as_posix()] = library.read_bytes()
    return wheel_file.write(Path(wheel_directory), _tag(library), {**files, **_dist_info_files()})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The package stays where it is: the wheel holds only a path file. The native file is built in place."""
    library = native_build.ensure()
    files = {f"{DISTRIBUTION}.pth": f"{PACKAGE}\n".encode()}
    return wheel_file.write(Path(wheel_directory), _tag(library), {**files, **_dist_info_files()})


def build_sdist(sdist_directory, config_settings=None):
    """Sources only, the same bytes for the same files: names sorted, no clock, no owner."""
    top = f"{DISTRIBUTION}-{version()}"
    files = {path.relative_to(ROOT).as_posix(): path for path in _source_files()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data, mode in [
            ("PKG-INFO", metadata().encode(), 0o644),
            *((name, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644) for name, path in sorted(files.items())),
        ]:
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    Path(sdist_directory).mkdir(parents=True, exist_ok=True)
    Path(sdist_directory, f"{top}.tar.gz").write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return f"{top}.tar.gz"


def _tag(library: Path) -> str:
    # One binary for every CPython from 3.10: neither the interpreter nor its ABI is part of the name.
    return f"py3-none-{platform_tag(library)}"


def _package_files() -> list[Path]:
    return [path for path in sorted((PACKAGE / "waitress").rglob("*")) if path.suffix in (".py", ".pyi") or path.name == "py.typed"]


def _dist_info_files() -> dict[str, bytes]:
    where = wheel_file.dist_info()
    return {
        f"{where}/METADATA": metadata().encode(),
        f"{where}/entry_points.txt": entry_points_file().encode(),
        f"{where}/LICENSE": (ROOT / "LICENSE").read_bytes(),
    }


def _source_files() -> list[Path]:
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name not in (".git", "PKG-INFO")]
    for root in SOURCE_ROOTS:
        found += [
            path for path in (ROOT / root).rglob("*")
            if path.is_file() and not NOT_SOURCE.intersection(path.parts) and not path.name.startswith("_native.so")
            and not path.name.startswith("_native.pyd") and path.suffix != ".pyc"
        ]
    return found


def main(arguments: list[str]) -> None:
    command, *rest = arguments or [""]
    if command == "native" and not rest:
        print(native_build.ensure())
    elif command == "wheel" and len(rest) == 1:
        print(Path(rest[0], build_wheel(rest[0])))
    elif command == "sdist" and len(rest) == 1:
        print(Path(rest[0], build_sdist(rest[0])))
    elif command == "install" and len(rest) == 2:
        wheel_file.install(Path(rest[0]), rest[1])
    else:
        raise SystemExit("Usage: build_backend.py native | wheel DIR | sdist DIR | install WHEEL PYTHON")


if __name__ == "__main__":
    main(sys.argv[1:])
