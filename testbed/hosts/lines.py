"""What a launcher and a host agent say to each other: one JSON object a line (pure)."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

LONGEST_MESSAGE = 64 * 1024 * 1024
Line = TypeVar("Line", bound=msgspec.Struct)


class HostRun(msgspec.Struct, frozen=True, tag="run"):
    """The launcher tells an agent of the run: its token in hex, the encoded places, the secret keys of the processes
    that are to live there, by name."""

    token: str
    places: bytes
    keys: dict[str, str]


class StartRole(msgspec.Struct, frozen=True, tag="start"):
    """Start the process ``name``."""

    role: str
    name: str
    incarnation: int


class KillRole(msgspec.Struct, frozen=True, tag="kill"):
    """Kill −9 the process ``name``."""

    name: str


class FreezeRole(msgspec.Struct, frozen=True, tag="freeze"):
    """Let the process ``name`` stand still where it is."""

    name: str


class ThawRole(msgspec.Struct, frozen=True, tag="thaw"):
    """Let the process ``name`` go on."""

    name: str


class LookAt(msgspec.Struct, frozen=True, tag="look"):
    """Has the process ``name`` computed since the last look at it?"""

    name: str


class AskLog(msgspec.Struct, frozen=True, tag="log"):
    """Tell the last lines of the log of ``name``."""

    name: str


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """What does your clock say?"""

    number: int


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Those that learn there are to pause, or to go on."""

    paused: bool


class Hail(msgspec.Struct, frozen=True, tag="hail"):
    """Say again who you are: somebody else speaks to you now."""


class OpenLink(msgspec.Struct, frozen=True, tag="open"):
    """Wait at a ``port`` (0: any) for another host's bytes, see `testbed.hosts.link_rate`."""

    port: int


class PushLink(msgspec.Struct, frozen=True, tag="push"):
    """Send bytes to the host that waits at ``address`` and ``port`` for who knows the ``number``."""

    address: str
    port: int
    number: str


class HostReady(msgspec.Struct, frozen=True, tag="here"):
    """An agent speaks: its pid, its version, and which clock it has; equal clocks are one and the same."""

    pid: int
    clock: str
    version: str


class HostServes(msgspec.Struct, frozen=True, tag="serving"):
    """It knows the run, and can start processes."""


class RoleStarted(msgspec.Struct, frozen=True, tag="started"):
    """A process has started, with the number that it has there."""

    name: str
    incarnation: int
    pid: int


class RoleDied(msgspec.Struct, frozen=True, tag="died"):
    """A process has ended, or could not be started; whether its log has a traceback, and the log's last lines."""

    name: str
    incarnation: int
    crashed: bool
    log: tuple[str, ...] = ()


class Looked(msgspec.Struct, frozen=True, tag="looked"):
    """Whether a process computed since the last look."""

    name: str
    works: bool


class LogTail(msgspec.Struct, frozen=True, tag="tail"):
    """The last lines of a process's log."""

    name: str
    log: tuple[str, ...]


class Probed(msgspec.Struct, frozen=True, tag="probed"):
    """What the agent's CLOCK_MONOTONIC said when it read the probe."""

    number: int
    monotonic_ns: int


class LinkOpen(msgspec.Struct, frozen=True, tag="opened"):
    """Where the agent waits for bytes, and what to tell it; the ``number`` is "" if it cannot, ``why`` the reason."""

    port: int
    number: str
    why: str = ""


class LinkPushed(msgspec.Struct, frozen=True, tag="pushed"):
    """How fast another host took bytes; 0 if it could not be reached, for the reason ``why``."""

    rate_bps: float
    why: str = ""


class LearnedSoFar(msgspec.Struct, frozen=True, tag="learned"):
    """What those that learn there have learned so far: the bytes of their checkpoint."""

    checkpoint: bytes


Survey = Hail | OpenLink | PushLink
Surveyed = LinkOpen | LinkPushed
Request = HostRun | StartRole | KillRole | FreezeRole | ThawRole | LookAt | AskLog | Probe | Pause | Survey
Report = HostReady | HostServes | RoleStarted | RoleDied | Looked | LogTail | Probed | LearnedSoFar | Surveyed
_ENCODER = msgspec.json.Encoder()
_REQUESTS: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_REPORTS: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encode_line(message: Request | Report) -> bytes:
    """``message`` as a line."""
    return _ENCODER.encode(message) + b"\n"


class Lines:
    """Puts lines together from the pieces in which they come.

    Raises one of `testbed.protocol.codec.UNDECODABLE` for what is not one.
    """

    def __init__(self) -> None:
        self._rest = b""

    def requests(self, piece: bytes) -> Iterator[Request]:
        """The requests that ``piece`` completes."""
        return (_REQUESTS.decode(line) for line in self._whole(piece))

    def reports(self, piece: bytes) -> Iterator[Report]:
        """The reports that ``piece`` completes."""
        return (_REPORTS.decode(line) for line in self._whole(piece))

    def _whole(self, piece: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST_MESSAGE:
            raise ValueError("a line without an end")
        return lines
