"""The files of the app's own modules, for ``--reload``: what was imported, without Python's library, installed packages and this package."""
from __future__ import annotations

import os
import site
import sys
import sysconfig


def files() -> list[str]:
    """Source files of every imported module that somebody may be working on; sorted. An editable install counts, since it lies where it is written."""
    left_out = _installed()
    found = set()
    for module in list(sys.modules.values()):
        try:
            file = module.__file__
        except Exception:  # a lazy module's __getattr__ may raise anything
            continue
        if isinstance(file, str) and file:
            path = os.path.abspath(file)
            if not path.startswith(left_out):
                found.add(path)
    return sorted(found)


def _installed() -> tuple[str, ...]:
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    # The library of a virtual environment is that of the Python it was made with.
    paths |= {os.path.dirname(os.__file__), os.path.dirname(os.path.abspath(__file__))}
    try:
        paths |= {*site.getsitepackages(), site.getusersitepackages()}
    except AttributeError:  # old virtualenvs have a site module of their own
        pass
    # Debian's packages lie beside the version's folder.
    paths |= {path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")}
    found = {each for path in paths if path for each in (os.path.abspath(path), os.path.realpath(path))}
    return tuple(path.rstrip(os.sep) + os.sep for path in found)
