"""An app whose logging filter raises at every refused request."""
import logging

from hello import app  # noqa: F401


def look(record):
    if record.getMessage().startswith("Refused"):
        raise ValueError("raised in the filter")
    return True


logging.getLogger("waitress").addFilter(look)
