"""The agent of a host: starts, watches and ends processes there for a launcher elsewhere.

``python -m testbed.hosts [--folder DIR] [--join SOCKET]`` reads requests on standard input and answers on standard
output (`testbed.hosts.lines`), or over a Unix socket where its launcher waits. At the end of what it reads it ends
what it started. Whatever carries two streams carries it: a pipe, ``docker exec -i``, ``ssh HOST``.
"""

import os
import select
import time
from importlib import metadata
from pathlib import Path

from testbed.hosts.channel import READ_BYTES
from testbed.hosts.learned import LearnedFile
from testbed.hosts.lines import (
    AskLog,
    FreezeRole,
    Hail,
    HostReady,
    HostRun,
    HostServes,
    KillRole,
    LearnedSoFar,
    Lines,
    LinkOpen,
    LinkPushed,
    LogTail,
    LookAt,
    Looked,
    OpenLink,
    Pause,
    Probe,
    Probed,
    PushLink,
    Report,
    Request,
    RoleDied,
    RoleStarted,
    StartRole,
    ThawRole,
    encode_line,
)
from testbed.hosts.link_rate import Receiver, push
from testbed.live.local_supervisor import LocalSupervisor
from testbed.model.errors import StartError
from testbed.node.credentials import KEY_FOLDER, PLACES, private_folder, write_private
from testbed.protocol.codec import PROTOCOL_VERSION
from testbed.record import learning_requests

TAIL_LINES, IDLE_MS = 20, 1000
UNHEARD_NS = 8_000_000_000  # a launcher that probes does so every second
STARTER_S = 200.0  # many begin at once on one machine; how long all may take is for the launcher to say


def clock_identity() -> str:
    """Which monotonic clock this process has: that of a boot, in a namespace of times."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    try:
        return f"{boot} {os.readlink('/proc/self/ns/time')}"
    except OSError:  # a kernel without such namespaces has one clock
        return boot


def version() -> str:
    """What an agent and its launcher must have in common: the release, and the protocol of their processes."""
    try:
        return f"{metadata.version('edge-testbed')}, protocol {PROTOCOL_VERSION}"
    except metadata.PackageNotFoundError:
        return f"protocol {PROTOCOL_VERSION}"


class HostAgent:
    """Answers what comes on descriptor ``reader`` on ``writer``; processes run in ``folder``."""

    def __init__(self, folder: Path, reader: int, writer: int) -> None:
        self._folder, self._reader, self._writer = folder, reader, writer
        self._supervisor: LocalSupervisor | None = None
        self._learned = LearnedFile(folder)
        self._probed_ns = 0
        self._incoming = select.poll()
        self._incoming.register(reader, select.POLLIN)

    def serve(self) -> None:
        """Until what is read ends; then nothing of what was started is left."""
        lines = Lines()
        try:
            self._say(HostReady(os.getpid(), clock_identity(), version()))
            while piece := self._read():
                for request in lines.requests(piece):
                    self._act(request)
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            if self._supervisor is not None:
                self._supervisor.close()

    def _read(self) -> bytes:
        """What comes next; deaths are told meanwhile."""
        while self._supervisor is not None:
            self._supervisor.wait(self._reader, IDLE_MS)
            if self._probed_ns and time.monotonic_ns() - self._probed_ns > UNHEARD_NS and not self._incoming.poll(0):
                return b""  # as at the end: whoever carries the streams may not know yet that the network is gone
            self._tell_learned()  # first: its checkpoint holds what a learner said last
            self._tell_deaths(self._supervisor)
            if self._incoming.poll(0):
                break
        return os.read(self._reader, READ_BYTES)

    def _act(self, request: Request) -> None:
        if isinstance(request, Probe):
            self._probed_ns = time.monotonic_ns()
            return self._say(Probed(request.number, time.monotonic_ns()))
        if isinstance(request, HostRun):
            return self._prepare(request)
        if isinstance(request, Hail | OpenLink | PushLink):
            return self._say(self._surveyed(request))
        if self._supervisor is None:
            raise ValueError(f"{type(request).__name__} before the run is known")
        match request:
            case StartRole():
                self._start(self._supervisor, request)
            case KillRole(name):
                self._supervisor.kill(name)
            case FreezeRole(name):
                self._supervisor.freeze(name)
            case ThawRole(name):
                self._supervisor.thaw(name)
            case Pause(paused):
                (learning_requests.pause if paused else learning_requests.resume)(self._folder)
            case LookAt(name):
                self._say(Looked(name, self._supervisor.works(name)))
            case AskLog(name):
                self._say(LogTail(name, tuple(self._supervisor.log_tail(name, TAIL_LINES))))

    def _surveyed(self, request: Hail | OpenLink | PushLink) -> Report:
        """What a launcher wants to know before it decides to run here."""
        match request:
            case Hail():
                return HostReady(os.getpid(), clock_identity(), version())
            case OpenLink(port):
                try:
                    receiver = Receiver(port)
                except OSError as error:
                    return LinkOpen(port, "", error.strerror or str(error))
                return LinkOpen(receiver.port, receiver.number)
            case PushLink(address, port, number):
                try:
                    return LinkPushed(push(address, port, number))
                except OSError as error:
                    return LinkPushed(0.0, error.strerror or str(error))

    def _prepare(self, run: HostRun) -> None:
        """Put down what each process reads, for this user only, and start what forks them."""
        for folder in (self._folder, self._folder / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self._folder / PLACES.parent, self._folder / KEY_FOLDER):
            private_folder(folder)
        write_private(self._folder / PLACES, run.places)
        for name, key in run.keys.items():
            write_private(self._folder / KEY_FOLDER / name, key.encode())
        self._supervisor = LocalSupervisor(self._folder, bytes.fromhex(run.token), STARTER_S)
        if self._probed_ns:
            self._probed_ns = time.monotonic_ns()  # that took a while, and nobody probed meanwhile
        self._say(HostServes())

    def _start(self, supervisor: LocalSupervisor, request: StartRole) -> None:
        try:
            supervisor.start(request.role, request.name, request.incarnation)
        except StartError as error:
            log = (error.message, error.remedy) if error.remedy else (error.message,)
            return self._say(RoleDied(request.name, request.incarnation, crashed=True, log=log))
        self._say(RoleStarted(request.name, request.incarnation, supervisor.table()[request.name].pid))

    def _tell_deaths(self, supervisor: LocalSupervisor) -> None:
        if supervisor.failed():
            raise StartError("the process starter died", supervisor.log_place("zygote"))
        for name in supervisor.dead():
            child = supervisor.table()[name]
            log = tuple(supervisor.log_tail(name, TAIL_LINES))
            supervisor.forget(name)
            self._say(RoleDied(name, child.incarnation, supervisor.crashed(name), log))

    def _tell_learned(self) -> None:
        checkpoint = self._learned.news()
        if checkpoint is not None:
            self._say(LearnedSoFar(checkpoint))

    def _say(self, report: Report) -> None:
        data = memoryview(encode_line(report))
        while data:
            data = data[os.write(self._writer, data) :]
