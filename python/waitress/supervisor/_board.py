"""The scoreboard: memory that the supervisor and all workers map, one slot of 32 numbers per worker.

The engine's side is src/Waitress/Processes/Scoreboard.cs; both sides know the layout by number, so what stands here is the description.
Each field has exactly one writer, and is eight bytes at an address divisible by eight, so nobody sees half a number. All times are
nanoseconds of CLOCK_MONOTONIC, which is the same for all processes of a machine.

Behind the slots is room for what workers know together of clients, with --rate-limit and --limit-per-address (SharedClients.cs): one table for
the service, then one per slot. It is memory only where somebody writes to it.
"""
from __future__ import annotations

import mmap
import os
import struct
import tempfile

MAGIC = 0x5741495452455353  # "WAITRESS"
VERSION = 1
HEADER_BYTES = 64
SLOT_BYTES = 256
CLIENT_BYTES = 16
CLIENTS = 131_072  # of the service: RequestRates.Clients
CLIENTS_PER_SLOT = 8_192  # SharedClients.CountsPerSlot

EMPTY, STARTING, SERVING, DRAINING = range(4)
STATES = ("empty", "starting", "serving", "draining")

# The fields in their order. pid is written by the supervisor, state by it up to "starting"; all others by the worker.
FIELDS = (
    "pid", "state",
    "heartbeat",  # the last time the engine turned
    "connections", "accepted", "requests", "in_flight",
    "queue",  # requests that wait for a thread
    "oldest",  # since when the oldest of them waits; 0: none
    "threads", "inside",  # Python threads, and how many of them are inside the app
    "all_inside",  # since when every thread is inside one request (the youngest's start); 0: one is free
    "stuck",  # threads over request_timeout that have not come back
    "app_time", "queue_time",  # nanoseconds in all: inside the app; requests in the queue
    "timeouts",
    "wants",  # 1: waits to be allowed to accept
    "refusals",
    "unused",
)  # fmt: skip


class Slot:
    """One worker's numbers at one moment; an attribute per name in FIELDS."""

    __slots__ = FIELDS

    def __init__(self, numbers: tuple[int, ...]) -> None:
        for name, number in zip(FIELDS, numbers):
            setattr(self, name, number)


class Board:
    """The supervisor's end. Descriptor ``fd`` is what workers inherit."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        size = HEADER_BYTES + slots * SLOT_BYTES + CLIENT_BYTES * (CLIENTS + slots * CLIENTS_PER_SLOT)
        self.fd = memory("waitress-board")
        try:
            os.ftruncate(self.fd, size)
            self._map = mmap.mmap(self.fd, size)
        except BaseException:
            os.close(self.fd)
            raise
        # Native 64-bit items: a store is one instruction, which struct's byte-wise packing does not promise.
        self._numbers = memoryview(self._map).cast("q")
        # The seed keeps clients from choosing addresses that share a place.
        self._map[:32] = struct.pack("=qqq8s", MAGIC, VERSION, slots, os.urandom(8))

    def read(self, slot: int) -> Slot:
        at = self._at(slot)
        return Slot(tuple(self._numbers[at : at + len(FIELDS)]))

    def begin(self, slot: int) -> None:
        """The slot belongs to a worker that is about to be started."""
        self._clear(slot)
        self._numbers[self._at(slot) + 1] = STARTING

    def name(self, slot: int, pid: int) -> None:
        self._numbers[self._at(slot)] = pid

    def end(self, slot: int) -> None:
        """The worker is gone; what it counted goes with it."""
        self._clear(slot)

    def close(self) -> None:
        self._numbers.release()
        self._map.close()
        os.close(self.fd)

    def _clear(self, slot: int) -> None:
        # The state first: from then on nobody compares its load with this slot.
        at = self._at(slot)
        for index in (1, *range(SLOT_BYTES // 8)):
            self._numbers[at + index] = 0

    def _at(self, slot: int) -> int:
        if not 0 <= slot < self.slots:
            raise IndexError(slot)
        return (HEADER_BYTES + slot * SLOT_BYTES) // 8


def memory(name: str) -> int:
    """An empty file without a name, in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC)
    fd, path = tempfile.mkstemp(prefix=name + "-")
    os.unlink(path)
    return fd
