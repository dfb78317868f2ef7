"""What is found out of hosts before a run begins: that all are there, their clocks, the links between them."""

import select
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

import msgspec

from testbed.hosts.agent import clock_identity, version
from testbed.hosts.channel import Channel
from testbed.hosts.clock_offset import ClockOffset
from testbed.hosts.host import reading_of
from testbed.hosts.lines import (
    Hail,
    HostReady,
    Lines,
    LinkOpen,
    LinkPushed,
    OpenLink,
    Probe,
    Probed,
    PushLink,
    Report,
    Request,
    encode_line,
)
from testbed.hosts.started import StartedAgents
from testbed.live.supervisor import ClockReading
from testbed.model.errors import StartError
from testbed.protocol.codec import UNDECODABLE

ANSWERS_S, LINK_S, LATE_S = 60.0, 30.0, 5.0
SAME_RELEASE = "install the same release there; nothing is installed from here"
Say = Callable[[str], None]
Answer = TypeVar("Answer", Probed, LinkOpen, LinkPushed)


class HostsSurvey(msgspec.Struct, frozen=True):
    """The clocks of the hosts, and the measured rates between them in bit/s, by (from, to)."""

    clocks: tuple[ClockReading, ...]
    rates: Mapping[tuple[str, str], float]


class Surveyor:
    """Asks the agents that ``source`` brings; ``remedies`` say by host what to try where one does not come."""

    def __init__(self, source: StartedAgents, remedies: Mapping[str, str], say: Say) -> None:
        self._source, self._remedies, self._say = source, remedies, say
        self._channels: dict[str, Channel] = {}
        self._lines: dict[str, Lines] = {}
        self._offsets = {host: ClockOffset() for host in remedies}
        self._same: dict[str, bool] = {}

    def survey(self, addresses: Mapping[str, str], port: int, pairs: Iterable[tuple[str, str]]) -> HostsSurvey:
        """Measure, once all are there; hosts are reached at their ``addresses``, links tried at ``port`` (0: any).

        Raises `StartError` for a host that does not answer.
        """
        clocks = tuple(self._clock(host) for host in self._channels)
        rates = {}
        for source, target in pairs:
            rate = self._rate(source, target, addresses[target], port)
            if rate > 0.0:
                rates[source, target] = rate
                self._say(f"{source} to {target}: {rate * 1e-6:.4g} Mbit/s")
        for host, channel in self._channels.items():
            self._tell(host, Hail())
            self._source.hand_back(host, channel)
        return HostsSurvey(clocks, rates)

    def gather(self) -> None:
        """Wait until every host has said that it is there; raises `StartError` for one that has not or cannot serve."""
        begin = reminded = time.monotonic()
        missing = list(self._remedies)
        while missing:
            for host, channel in self._source.new():
                self._channels[host], self._lines[host] = channel, Lines()
            for host in missing:
                for report in self._heard(host) if host in self._channels else ():
                    if isinstance(report, HostReady):
                        self._welcome(host, report)
            missing = [host for host in missing if host not in self._same]
            now = time.monotonic()
            if missing and now - begin > ANSWERS_S:
                words = self._source.last_words(missing[0])
                raise StartError(f"{missing[0]} has not answered: {words or 'not a word'}", self._remedies[missing[0]])
            if missing and now - reminded > LATE_S:
                reminded = now
                self._say(f"waiting for {', '.join(missing)}")
            self._wait(missing, 0.1)

    def _welcome(self, host: str, ready: HostReady) -> None:
        if ready.version != version():
            why = f"the agent of {host} has version {ready.version}, and this is {version()}"
            raise StartError(why, SAME_RELEASE)
        self._same[host] = ready.clock == clock_identity()
        self._say(f"{host}: there")

    def _clock(self, host: str) -> ClockReading:
        """Probe the clock of ``host``, unless it is this one."""
        if self._same[host]:
            return ClockReading(host=host, same=True)
        offset = self._offsets[host]
        while not offset.known:
            sent_ns = time.monotonic_ns()
            self._tell(host, Probe(offset.probes))
            answer = self._answer(host, Probed, ANSWERS_S)
            offset.add(sent_ns, answer.monotonic_ns, time.monotonic_ns())
        offset.use()
        self._say(f"{host}: clock known to {offset.uncertainty_ns() * 1e-3:.0f} µs")
        return reading_of(host, offset)

    def _rate(self, source: str, target: str, address: str, port: int) -> float:
        """How fast ``source`` reaches ``target``, in bit/s; 0 if that cannot be measured, which is said."""
        self._tell(target, OpenLink(port))
        opened = self._answer(target, LinkOpen, LINK_S)
        why = opened.why
        if opened.number:
            self._tell(source, PushLink(address, opened.port, opened.number))
            pushed = self._answer(source, LinkPushed, LINK_S)
            if pushed.rate_bps > 0.0:
                return pushed.rate_bps
            why = pushed.why
        self._say(f"the link from {source} to {target} could not be measured: {why}; is {address} right, and open?")
        return 0.0

    def _answer(self, host: str, kind: type[Answer], within_s: float) -> Answer:
        """The next report of that kind from ``host``."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for report in self._heard(host):
                if isinstance(report, kind):
                    return report
            self._wait([host], 0.1)
        raise StartError(f"{host} does not answer any more", self._remedies[host])

    def _heard(self, host: str) -> list[Report]:
        """What has come from ``host``; raises `StartError` if it is gone or talks nonsense."""
        piece = self._channels[host].receive()
        if piece is None:
            words = self._source.last_words(host)
            raise StartError(f"{host} cannot be reached: {words or 'not a word'}", self._remedies[host])
        try:
            return list(self._lines[host].reports(piece)) if piece else []
        except UNDECODABLE:
            why = f"the agent of {host} talks nonsense: its shell may print something when it starts"
            raise StartError(why, self._remedies[host]) from None

    def _tell(self, host: str, request: Request) -> None:
        self._channels[host].send(encode_line(request))

    def _wait(self, hosts: Collection[str], seconds: float) -> None:
        """Sleep until one of ``hosts`` has said something."""
        poll = select.poll()
        for host in hosts:
            if host in self._channels:
                poll.register(self._channels[host].fd, select.POLLIN)
        poll.poll(seconds * 1000)
