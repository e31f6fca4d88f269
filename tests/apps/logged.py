"""An app that sets up logging its own way before the server starts: its way must rule."""
import logging
import sys

logging.basicConfig(format="OWN %(levelname)s %(name)s %(message)s", level=logging.INFO, stream=sys.stderr)

from hello import app  # noqa: E402, F401
