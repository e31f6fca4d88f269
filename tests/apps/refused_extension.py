"""An app with an extension module that knows of one interpreter per process, as _curses does in every CPython up to 3.13."""
import _curses  # noqa: F401
from hello import app  # noqa: F401
