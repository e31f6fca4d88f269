"""The native engine: an extension module compiled ahead of time from C#."""
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from _typeshed.wsgi import WSGIApplication

class Engine:
    """One server: its sockets are open from the start, connections are accepted from start() on."""

    listen: list[tuple[str, str]]
    urls: list[str]
    activated: bool
    descriptors: list[int]
    threads: int
    def start(self) -> None: ...
    def work(self) -> None: ...
    def stop(self, graceful: bool, /) -> None: ...
    def events(self) -> list[tuple[str, int, str]]: ...
    def ended(self) -> bool: ...
    # Orders for the thread that runs the server: ("grow", threads), ("timeout", thread ident, number, seconds, "GET /path"), ("recycle", reason).
    def requests(self) -> list[tuple[Any, ...]]: ...
    # Raises in the thread that is still in the request of that number; False when it has ended.
    def interrupt(self, number: int, exception_type: type[BaseException], /) -> bool: ...
    def close(self) -> None: ...

class CommandLine(TypedDict):
    app: str | None
    call: bool
    help: bool
    version: bool
    config: str | None
    check_config: bool
    values: dict[str, Any]
    errors: list[str]

class Configured(TypedDict):
    errors: list[str]
    warnings: list[str]
    report: str
    # Effective values by setting name, and "supervised"; empty where there are errors.
    values: dict[str, Any]
    open: Callable[[WSGIApplication, int, Mapping[str, str]], Engine] | None

build: str

# Only where there is os.fork(); the module has waitress._fork register them when it is imported.
def before_fork() -> None: ...
def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...

def command_line(args: list[str], /) -> CommandLine: ...
def help_text(program: str, width: int, /) -> str: ...
def configure(
    command_line: dict[str, Any],
    environ: dict[str, str],
    file: dict[str, Any],
    file_name: str | None,
    keywords: dict[str, Any],
    /,
) -> Configured: ...
