"""What the project is called and offers: pyproject.toml and Directory.Build.props in, the wheel's metadata files out.

The build must work on Python 3.10, which has no TOML parser, and with nothing installed. So this reads the part of TOML that
our own pyproject.toml uses (strings, arrays, tables; a test compares with tomllib). The version has one home, the props file.
"""
from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTION = "waitress_sharp"  # the name as it stands in file names


def version() -> str:
    props = (ROOT / "Directory.Build.props").read_text(encoding="utf-8")
    match = re.search(r"<Version>([0-9][^<]*)</Version>", props)
    if match is None:
        raise SystemExit("Directory.Build.props has no <Version>")
    return match[1]


def read_toml(text: str) -> dict[str, dict[str, object]]:
    """Tables of ``key = value``, the table's dotted name as one key; values are read as the Python literals they look like."""
    tables: dict[str, dict[str, object]] = {}
    table: dict[str, object] = {}
    pending = ""
    for line in text.splitlines():
        line = line.strip()
        if not pending and (not line or line.startswith("#")):
            continue
        if not pending and line.startswith("["):
            table = tables.setdefault(line.strip("[]").replace('"', ""), {})
            continue
        pending += line
        key, _, value = pending.partition(" = ")
        if value.count("[") == value.count("]"):
            # The one inline table of the file: { name = "x" } is the Python dict {"name": "x"}.
            table[key] = ast.literal_eval(re.sub(r"\{ (\w+) = ", r'{"\1": ', value))
            pending = ""
    return tables


def project() -> dict[str, dict[str, object]]:
    return read_toml((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def metadata() -> str:
    """The METADATA file. Version 2.1 of the format: everything we say fits, and every pip in use reads it."""
    about = project()["project"]
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {about['name']}",
        f"Version: {version()}",
        f"Summary: {about['description']}",
        f"Author: {about['authors'][0]['name']}",
        f"License: {about['license']}",
        f"Keywords: {','.join(about['keywords'])}",
        f"Requires-Python: {about['requires-python']}",
        *(f"Classifier: {name}" for name in about["classifiers"]),
    ]
    readme = ROOT / str(about["readme"])
    if readme.exists():
        lines += ["Description-Content-Type: text/markdown", "", readme.read_text(encoding="utf-8").rstrip()]
    return "\n".join(lines) + "\n"


def entry_points() -> dict[str, dict[str, object]]:
    tables = project()
    groups = {"console_scripts": tables["project.scripts"]}
    prefix = "project.entry-points."
    groups.update({name[len(prefix):]: table for name, table in tables.items() if name.startswith(prefix)})
    return groups


def entry_points_file() -> str:
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in table.items())
        for group, table in entry_points().items()
    )
