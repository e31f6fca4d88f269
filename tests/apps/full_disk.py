"""The suite where no file may grow beyond 100 KB: a write fails as on a full disk."""
import resource

from suite import app  # noqa: F401

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
