"""Whoever starts and ends the processes of a run: all that launcher, faults and liveness know of it.

Where the processes are, on this host, in containers or on other hosts, is the business of those who implement it;
`testbed.live.local_supervisor` does on this host.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """One started process; ``incarnation`` counts its restarts, ``pid`` is its number where it runs."""

    name: str
    role: str
    pid: int
    incarnation: int = 0


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """The monotonic clock of ``host``: by how many ns it is ahead of this one, give or take ``uncertainty_ns``.

    ``same``: it is this one, and nothing had to be measured; otherwise ``probes`` were sent. ``off_ns`` more than what
    is gone by it is ahead by now; it drifts by ``drift_ppm``, give or take, and was set ``steps`` times meanwhile.
    """

    host: str
    same: bool
    ahead_ns: int = 0
    uncertainty_ns: int = 0
    probes: int = 0
    off_ns: int = 0
    drift_ppm: float = 0.0
    drift_error_ppm: float = 0.0
    steps: int = 0


class Supervisor(Protocol):
    """Starts processes by name, and makes sure that none outlives it.

    A process is in the `table` from its start until it is forgotten, which is up to whoever notices its death.
    """

    def start(self, role: str, name: str, incarnation: int = 0) -> None:
        """Start the process ``name``; raises `StartError`."""

    def table(self) -> Mapping[str, Child]:
        """What was started and is not forgotten, by name."""

    def dead(self) -> list[str]:
        """Names of those that have died and are not yet forgotten."""

    def forget(self, name: str) -> None:
        """Let go of what is kept for a process that has died."""

    def kill(self, name: str) -> None:
        """Kill −9 a process, if it is there."""

    def freeze(self, name: str) -> None:
        """Let a process stand still where it is, if it is there; only `thaw` or a kill ends that."""

    def thaw(self, name: str) -> None:
        """Let a process that stands still go on."""

    def works(self, name: str) -> bool:
        """Whether a process has computed since the last call, or would like to: busy, not hung or cut off."""

    def wait(self, fd: int, milliseconds: int) -> None:
        """Sleep until ``fd`` is readable, or a death, a signal or the timeout."""

    def log_tail(self, name: str, lines: int = 1) -> list[str]:
        """The last lines of a process's log, at most so many."""

    def log_place(self, name: str) -> str:
        """Where a user finds that log."""

    def crashed(self, name: str) -> bool:
        """Whether a process that ended said why in its log; otherwise somebody killed it."""

    def returned(self) -> list[str]:
        """Names of those that died with their host, which has come back since and could start them again."""

    def ahead_ns(self, name: str) -> int:
        """By how much the monotonic clock of the process ``name`` is ahead of this one."""

    def clocks(self) -> Sequence[ClockReading]:
        """What is known of the clocks of other hosts."""

    def failed(self) -> bool:
        """Whether the supervisor has lost what it starts processes with, and with it all of them."""

    def close(self) -> None:
        """End everything that still runs."""


Supervise = Callable[[Path, bytes], Supervisor]
"""Makes the supervisor of a run in a directory, which hands the run's token to each process, unseen by others."""

Endpoints = Callable[[Collection[str]], dict[str, tuple[str, str]]]
"""Finds for each process what it binds and where others reach it, as ZeroMQ has it; raises `StartError`."""


class Deployment(msgspec.Struct, frozen=True):
    """Where a run's processes live: who starts them there, their TCP ``endpoints`` (None: on this loopback), and within
    how many wall seconds all must be ready."""

    supervise: Supervise
    endpoints: Endpoints | None = None
    ready_s: int = 60
