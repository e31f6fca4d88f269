"""One line on standard error per event, so that a test can wait for it in the server's log."""
import sys


def mark(*words):
    sys.stderr.write("MARK " + " ".join(str(word) for word in words) + "\n")
    sys.stderr.flush()
