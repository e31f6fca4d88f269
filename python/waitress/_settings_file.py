"""The settings file: TOML, named by ``--config`` or found as a pyproject.toml with a ``[tool.waitress]`` table.

Only finds, reads and parses; names and values are judged by the engine's table of settings, like those of any source.
"""
from __future__ import annotations

import importlib.util
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Cheap look before the parser is imported: most pyproject.toml files have nothing for us.
OUR_TABLE = re.compile(rb"^\s*\[\s*tool\s*\.\s*[\"']?waitress[\"']?\s*[\].]", re.MULTILINE)
# A settings file is a page of text; this keeps a mistaken name (a device, a log) from filling the memory.
MAX_BYTES = 1024 * 1024


class SettingsFileError(Exception):
    """The file can't be used; the text is one line that names it."""


def load(config: str | None, app: str | None) -> tuple[dict[str, Any], str | None]:
    """The settings and the name of the file they came from; ``({}, None)`` without one.

    ``config`` is the ``--config`` file: its ``[tool.waitress]`` table if it has one, else its top level. Without it the first
    pyproject.toml with our table counts: in the current directory, then beside the app's top-level module or package.
    """
    if config is not None:
        document = _parse(config, _read(config))
        table = _table(config, document)
        if table is None:
            # Without our table, a project's own keys are not settings of ours.
            table = {} if os.path.basename(config) == "pyproject.toml" else document
        return table, config
    for directory in _directories(app):
        path = os.path.join(directory, "pyproject.toml")
        if os.path.isfile(path):
            text = _read(path)
            if OUR_TABLE.search(text):
                return _table(path, _parse(path, text)) or {}, path
    return {}, None


def _directories(app: str | None) -> list[str]:
    found = [os.getcwd()]
    if app:
        try:
            # Finds a top-level module without running any of it.
            spec = importlib.util.find_spec(app.partition(":")[0].partition(".")[0])
        except (ImportError, ValueError):
            spec = None
        if spec is not None and spec.has_location and spec.origin:
            directory = os.path.dirname(os.path.abspath(spec.origin))
            found.append(os.path.dirname(directory) if spec.submodule_search_locations else directory)
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsFileError(f"The settings file {path} can't be read: {error.strerror}") from error
    if len(text) > MAX_BYTES:
        raise SettingsFileError(f"The settings file {path} is larger than {MAX_BYTES} bytes")
    return text


def _parse(path: str, text: bytes) -> dict[str, Any]:
    try:
        import tomllib as toml
    except ModuleNotFoundError:  # Python 3.10
        try:
            import tomli as toml
        except ModuleNotFoundError:
            raise SettingsFileError(
                f"The settings file {path} needs Python 3.11 or the package tomli (python -m pip install tomli)"
            ) from None
    try:
        return toml.loads(text.decode("utf-8"))
    except (toml.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsFileError(f"The settings file {path} is not valid TOML: {error}") from error
    except RecursionError:
        raise SettingsFileError(f"The settings file {path} is nested too deeply") from None


def _table(path: str, document: dict[str, Any]) -> dict[str, Any] | None:
    tool = document.get("tool")
    table = tool.get("waitress") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise SettingsFileError(f"The settings file {path}: tool.waitress is not a table")
    return table
