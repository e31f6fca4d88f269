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
    def close(self) -> None: ...

class Binding:
    """The listening sockets of a supervisor: bound and listening, nothing is accepted."""

    descriptors: list[int]
    listen: list[tuple[str, str]]
    urls: list[str]
    activated: bool
    def close(self, unlink: bool, /) -> None: ...

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
    # app, wake-up descriptor, environment, and what the supervisor handed over (None without one).
    open: Callable[[WSGIApplication, int, Mapping[str, str], Mapping[str, Any] | None], Engine] | None
    # environment, descriptors to adopt instead of opening; OSError with one line.
    bind: Callable[[Mapping[str, str], list[int]], Binding] | None

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
