"""The supervisor of processes that live with host agents: in containers, on other hosts, or beside this one.

It never waits for an agent: what is asked of one is answered when it is, or never, should its host hang. What an agent
is not there to start yet is started when it is.
"""

import contextlib
import logging
import select
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from testbed.hosts.channel import ChannelSource
from testbed.hosts.host import HostLink
from testbed.hosts.learned import PauseRequest
from testbed.hosts.lines import (
    AskLog,
    FreezeRole,
    HostRun,
    KillRole,
    LearnedSoFar,
    LogTail,
    LookAt,
    Looked,
    Pause,
    Report,
    RoleDied,
    RoleStarted,
    StartRole,
    ThawRole,
)
from testbed.live.supervisor import Child, ClockReading
from testbed.model.delay import NS_PER_S
from testbed.model.errors import StartError
from testbed.model.learning import is_learner
from testbed.node.credentials import KEY_FOLDER, PLACES
from testbed.record.files import keep
from testbed.record.learning_requests import LEARNED_FILE

HUNG_NS, PROBE_EVERY_NS, ANSWER_NS = NS_PER_S, NS_PER_S, NS_PER_S // 2
PAUSE_EVERY_NS = NS_PER_S // 10
LOST_NS = 12 * NS_PER_S  # an agent that hears nothing ends what it started before that, see `UNHEARD_NS`
AGENT_GONE = "its host agent is gone"
LOG = logging.getLogger(__name__)


class Look(msgspec.Struct):
    """The last look at a process: when it was asked for, whether that is answered, and with what."""

    asked_ns: int
    answered: bool = False
    works: bool = True


class FleetSupervisor:
    """See `testbed.live.supervisor.Supervisor`. ``source`` brings the agents; ``host_of`` says who lives with which.

    What the processes read of the run is in ``run_dir``, and told to the agents.
    """

    def __init__(self, run_dir: Path, token: bytes, source: ChannelSource, host_of: Callable[[str], str]) -> None:
        self._run_dir, self._token, self._source, self._host_of = run_dir, token.hex(), source, host_of
        self._places = (run_dir / PLACES).read_bytes()
        self._links: dict[str, HostLink] = {}
        self._children: dict[str, Child] = {}
        self._ended: set[str] = set()
        self._orphans: set[str] = set()
        self._waiting: defaultdict[str, list[StartRole]] = defaultdict(list)
        self._looks: dict[str, Look] = {}
        self._logs: dict[str, tuple[str, ...]] = {}
        self._crashed: set[str] = set()
        self._clocks: dict[str, ClockReading] = {}
        self._pause = PauseRequest(run_dir, PAUSE_EVERY_NS)
        self._had_any = False
        self._poll = select.poll()
        if source.fd >= 0:
            self._poll.register(source.fd, select.POLLIN)

    def start(self, role: str, name: str, incarnation: int = 0) -> None:
        """See `Supervisor`; as soon as its host's agent is there."""
        self._children[name] = Child(name=name, role=role, pid=0, incarnation=incarnation)
        self._ended.discard(name)
        self._orphans.discard(name)
        self._crashed.discard(name)
        self._logs.pop(name, None)
        self._waiting[self._host_of(name)].append(StartRole(role, name, incarnation))
        self._exchange()

    def table(self) -> Mapping[str, Child]:
        """See `Supervisor`."""
        return self._children

    def dead(self) -> list[str]:
        """See `Supervisor`."""
        self._exchange()
        return [name for name in self._children if name in self._ended]

    def forget(self, name: str) -> None:
        """See `Supervisor`."""
        self._ended.discard(name)
        self._looks.pop(name, None)
        self._children.pop(name, None)

    def kill(self, name: str) -> None:
        """See `Supervisor`."""
        self._ask(name, KillRole(name))

    def freeze(self, name: str) -> None:
        """See `Supervisor`."""
        self._ask(name, FreezeRole(name))

    def thaw(self, name: str) -> None:
        """See `Supervisor`."""
        self._ask(name, ThawRole(name))

    def works(self, name: str) -> bool:
        """See `Supervisor`. An agent that owes an answer for a second hangs itself, and with it all that it started."""
        now, look = time.monotonic_ns(), self._looks.get(name)
        if look is not None and not look.answered:
            return now - look.asked_ns < HUNG_NS
        self._looks[name] = Look(now)
        self._ask(name, LookAt(name))
        return look is None or look.works

    def wait(self, fd: int, milliseconds: int) -> None:
        """See `Supervisor`."""
        self._poll.register(fd, select.POLLIN)
        with contextlib.suppress(InterruptedError):
            self._poll.poll(milliseconds)
        self._poll.unregister(fd)
        self._exchange()

    def log_tail(self, name: str, lines: int = 1) -> list[str]:
        """See `Supervisor`; of a process that lives its agent is asked."""
        if name in self._children and name not in self._ended:
            if self._link_of(name) is None:
                return [f"no agent of {self._host_of(name)} has reported"]
            self._logs.pop(name, None)
            self._ask(name, AskLog(name))
            until = time.monotonic_ns() + ANSWER_NS
            while name not in self._logs and (left := until - time.monotonic_ns()) > 0:
                self._poll.poll(left // 1_000_000)
                self._exchange()
        return list(self._logs.get(name, ()))[-lines:]

    def log_place(self, name: str) -> str:
        """See `Supervisor`."""
        return f"logs/{name}.log of {self._host_of(name)}"

    def crashed(self, name: str) -> bool:
        """See `Supervisor`."""
        return name in self._crashed

    def returned(self) -> list[str]:
        """See `Supervisor`."""
        return [name for name in self._orphans if (link := self._link_of(name)) is not None and link.serves]

    def ahead_ns(self, name: str) -> int:
        """See `Supervisor`."""
        link = self._link_of(name)
        return link.ahead_ns() if link is not None else 0

    def clocks(self) -> Sequence[ClockReading]:
        """See `Supervisor`; of hosts that are gone, or have come back, as they were if that was worse."""
        clocks = {link.host: link.clock() for link in self._links.values()}
        for host, before in self._clocks.items():
            if host not in clocks or before.uncertainty_ns > clocks[host].uncertainty_ns:
                clocks[host] = before
        return list(clocks.values())

    def failed(self) -> bool:
        """Whether all agents are gone."""
        return self._had_any and not self._links

    def close(self) -> None:
        """See `Supervisor`: agents end with their channels, and take along what they started."""
        for link in self._links.values():
            self._source.release(link.channel)
        self._links.clear()
        self._children.clear()
        self._source.close()

    # Agents ----------------------------------------------------------------------------------------------------------

    def _link_of(self, name: str) -> HostLink | None:
        return self._links.get(self._host_of(name))

    def _ask(self, name: str, request: KillRole | FreezeRole | ThawRole | LookAt | AskLog) -> None:
        link = self._link_of(name)
        if link is not None and link.serves:
            link.say(request)

    def _exchange(self) -> None:
        """Hear what agents say, welcome new ones, start what waits for them, keep an eye on their clocks."""
        opened = self._source.new()  # first: who has come back has ended before, and that is heard below
        for link in list(self._links.values()):
            reports = link.hear()
            for report in reports or ():
                if isinstance(report, LearnedSoFar):
                    self._keep(link, report)
                else:
                    self._take(report)
            if reports is None:
                self._lose(link)
        for host, channel in opened:
            if host in self._links:
                channel.close()  # one that lives already has the name
                continue
            link = self._links[host] = HostLink(host, channel, self._run_of(host))
            self._poll.register(channel.fd, select.POLLIN)
            self._had_any = True
        now = time.monotonic_ns()
        for link in [link for link in self._links.values() if link.silent_ns(now) > LOST_NS]:
            self._lose(link)
        for host, link in self._links.items():
            if link.serves:
                for request in self._waiting.pop(host, ()):
                    link.say(request)
                if self._learns(host) and (paused := self._pause.news(host, now)) is not None:
                    link.say(Pause(paused))
            elif link.unfit:
                for request in self._waiting.pop(host, ()):
                    self._end(request.name, (link.unfit,))
            link.probe_when_idle(now, PROBE_EVERY_NS)

    def _run_of(self, host: str) -> HostRun:
        """What an agent is told of the run."""
        keys = (self._run_dir / KEY_FOLDER).glob("*")
        own_keys = {path.name: path.read_text(encoding="ascii") for path in keys if self._host_of(path.name) == host}
        return HostRun(self._token, self._places, own_keys)

    def _take(self, report: Report) -> None:
        child = self._children.get(getattr(report, "name", ""))
        if child is None:
            return
        match report:
            case RoleStarted(name, incarnation, pid) if incarnation == child.incarnation:
                self._children[name] = msgspec.structs.replace(child, pid=pid)
            case RoleDied(name, incarnation, crashed, log) if incarnation == child.incarnation:
                self._end(name, log)
                if crashed:
                    self._crashed.add(name)
            case Looked(name, works) if name in self._looks:
                look = self._looks[name]
                look.answered, look.works = True, works
            case LogTail(name, log):
                self._logs[name] = log

    def _learns(self, host: str) -> bool:
        """Whether processes that learn live with ``host``."""
        return any(is_learner(name) and self._host_of(name) == host for name in self._children)

    def _keep(self, link: HostLink, learned: LearnedSoFar) -> None:
        """Bring what was learned to where it is read, as learners of this host would have."""
        if not self._learns(link.host):
            return
        try:
            keep(self._run_dir / LEARNED_FILE, learned.checkpoint)
        except StartError as error:
            LOG.warning("%s", error)

    def _end(self, name: str, log: tuple[str, ...]) -> None:
        self._ended.add(name)
        self._logs[name] = log

    def _lose(self, link: HostLink) -> None:
        """An agent is gone, and all that it started."""
        self._poll.unregister(link.channel.fd)
        link.channel.close()
        del self._links[link.host]
        if (clock := link.clock()).probes or clock.same:
            self._clocks[link.host] = clock
        self._pause.forget(link.host)
        for name in self._children:
            if self._host_of(name) == link.host and name not in self._ended:
                self._end(name, (AGENT_GONE,))
                self._orphans.add(name)
