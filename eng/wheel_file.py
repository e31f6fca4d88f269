"""Writing a wheel and unpacking one: files in, a zip with RECORD out, the same bytes for the same files."""
from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import zipfile
from pathlib import Path

from project_metadata import DISTRIBUTION, entry_points, version

DATE = (1980, 1, 1, 0, 0, 0)  # the oldest a zip can hold: no clock in the result


def dist_info() -> str:
    return f"{DISTRIBUTION}-{version()}.dist-info"


def write(directory: Path, tag: str, files: dict[str, bytes]) -> str:
    """Write ``files`` (path in the wheel to contents) with WHEEL and RECORD; returns the wheel's file name."""
    wheel = f"Wheel-Version: 1.0\nGenerator: waitress-sharp\nRoot-Is-Purelib: false\nTag: {tag}\n"
    files = {**files, f"{dist_info()}/WHEEL": wheel.encode()}
    record = f"{dist_info()}/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in sorted(files.items())]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    name = f"{DISTRIBUTION}-{version()}-{tag}.whl"
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(directory / name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        # The metadata last, as the format recommends: a reader that wants only it starts at the end.
        for path in sorted(files, key=lambda path: (".dist-info/" in path, path == record, path)):
            entry = zipfile.ZipInfo(path, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if path.endswith((".so", ".pyd")) else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.create_system = 3  # Unix, wherever it is built
            archive.writestr(entry, files[path])
    return name


def install(wheel: Path, python: str) -> None:
    """Unpack ``wheel`` into the environment of ``python``, for environments without pip (Debian's venv without ensurepip)."""
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_paths()))"
    paths = json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(paths["platlib"])
    for name, target in entry_points()["console_scripts"].items():
        module, _, function = str(target).partition(":")
        script = Path(paths["scripts"], str(name))
        script.write_text(f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n", encoding="utf-8")
        os.chmod(script, 0o755)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
