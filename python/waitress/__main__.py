"""``python -m waitress``: the same program as ``waitress-serve``, with the same exit codes."""
import sys

from waitress.runner import run

if __name__ == "__main__":
    sys.exit(run())
