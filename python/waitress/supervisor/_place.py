"""A place for a worker: there are as many as there should be workers, and each remembers how its workers fared."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from waitress.supervisor._loop import Timer
    from waitress.supervisor._respawn import Respawn
    from waitress.supervisor._worker_process import WorkerProcess


class Place:
    """``current`` serves or is starting; ``incoming`` is to take over from it; ``retry`` is the pause after a death."""

    def __init__(self, respawn: Respawn) -> None:
        self.respawn = respawn
        self.current: WorkerProcess | None = None
        self.incoming: WorkerProcess | None = None
        self.retry: Timer | None = None
        self.not_before = 0.0  # a replacement that failed is tried again from then on

    @property
    def idle(self) -> bool:
        return self.current is None and self.incoming is None and (self.retry is None or not self.retry.pending)

    @property
    def workers(self) -> list[WorkerProcess]:
        return [worker for worker in (self.current, self.incoming) if worker is not None]
