"""The native engine: an extension module compiled ahead of time from C#."""
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, TypedDict

from _typeshed.wsgi import WSGIApplication

class Engine:
    """One server: its sockets are open from the start, connections are accepted from start() on."""

    listen: list[tuple[str, str]]
    urls: list[str]
    activated: bool
    descriptors: list[int]
    # To be started by the package; of class interpreter: in each of them.
    threads: int
    def start(self) -> None: ...
    def work(self) -> None: ...
    def stop(self, graceful: bool, /) -> None: ...
    # For one worker among others: the stop that leaves to them what nobody has accepted yet.
    def retire(self) -> None: ...
    # Opens the access log's file anew; waits for two seconds at most.
    def reopen(self) -> None: ...
    def events(self) -> list[tuple[str, int, str]]: ...
    def ended(self) -> bool: ...
    # Orders for the thread that runs the server: ("grow", threads), ("timeout", thread ident, number, seconds, "GET /path"), ("stall", thread ident,
    # seconds), ("recycle", reason).
    def requests(self) -> list[tuple[Any, ...]]: ...
    # Raises in the thread that is still in the request of that number; False when it has ended.
    def interrupt(self, number: int, exception_type: type[BaseException], /) -> bool: ...
    def close(self) -> None: ...

    # The engine's half of an event loop: tools is waitress._asgi.Tools, wake_fd where a byte has the loop call drain().
    def loop(self, app: Any, tools: Any, wake_fd: int, /) -> Inbox: ...

    # Workers of class interpreter; 0 of the other classes.
    interpreters: int
    def interpreter(self, name: str, app: str, call: bool, path: list[str], argv: list[str], logging: dict[str, Any], /) -> InterpreterWorker: ...

class Inbox:
    """Of one event loop; used on its thread."""

    # Sees to what has come; False: nothing will come any more.
    def drain(self) -> bool: ...
    def close(self) -> None: ...

class InterpreterWorker:
    """A worker of class interpreter as the main interpreter sees it."""

    name: str
    # Runs the interpreter on the calling thread until it has ended, or can't be ended; the state then.
    def run(self) -> tuple[str, str]: ...
    # Waits until the app is loaded, or has failed to.
    def wait(self) -> None: ...
    # starting, serving, failed (with the reason), ended or left (threads of the app still run in it).
    def state(self) -> tuple[str, str]: ...
    def leave(self) -> None: ...
    # The stacks of its threads as text; empty when its main thread does not answer within two seconds.
    def stacks(self) -> str: ...

class InterpreterInside:
    """The same worker as waitress._interpreter sees it, in the worker's own interpreter."""

    name: str
    app: str
    call: bool
    # The settings of the server's own log.
    logging: dict[str, Any]
    # Loads an extension module in the main interpreter.
    def admit(self, name: str, path: str, /) -> None: ...
    # How many threads are to call work().
    def attach(self, app: WSGIApplication, /) -> int: ...
    def work(self) -> None: ...
    def requests(self) -> list[tuple[Any, ...]]: ...
    def interrupt(self, number: int, exception_type: type[BaseException], /) -> bool: ...
    # The frame in which the thread of that number's call is, if it still is.
    def frame(self, number: int, /) -> FrameType | None: ...
    def recycle(self, reason: str, /) -> None: ...
    def serving(self) -> None: ...
    def failed(self, problem: str, /) -> None: ...
    # Until there are orders; not patiently: for a moment only.
    def wait(self, patiently: bool, /) -> None: ...
    def leaving(self) -> bool: ...
    # Whether stacks() waits for answer().
    def asked(self) -> bool: ...
    def answer(self, stacks: str, /) -> None: ...
    def retire(self) -> None: ...
    def ended(self) -> bool: ...
    # Whether the calling thread is the only one of its interpreter.
    def alone(self) -> bool: ...

class Binding:
    """The sockets of a service, bound and listening; nothing is accepted from them here."""

    listen: list[tuple[str, str]]
    urls: list[str]
    activated: bool
    descriptors: list[int]
    # Stops listening; unlink removes the file of a unix socket that was made here or taken over.
    def close(self, unlink: bool, /) -> None: ...

class Handoff(TypedDict):
    """What a supervisor hands to a worker process; the descriptors are the engine's from then on, apart from control."""

    slot: int
    slots: int
    name: str
    sockets: list[int]
    board: int
    wakers: list[int]
    waker: int
    control: int
    max_requests: int
    generation: int

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
    # bind(environ, inherited): descriptors in inherited are taken over instead of opening sockets. Both raise OSError.
    bind: Callable[[Mapping[str, str], list[int]], Binding] | None
    # open(app, wake_fd, environ, handoff, interface): interface is "wsgi" or "asgi"; handoff is None for a server with sockets of its own.
    open: Callable[[WSGIApplication, int, Mapping[str, str], Handoff | Mapping[str, Any] | None, str], Engine] | None

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
