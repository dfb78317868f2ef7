"""The launcher's side of one host agent: what it is told first, what its clock says, what it reports."""

import time

from testbed.hosts.agent import clock_identity, version
from testbed.hosts.channel import Channel
from testbed.hosts.clock_offset import ClockOffset
from testbed.hosts.lines import (
    HostReady,
    HostRun,
    HostServes,
    Lines,
    Probe,
    Probed,
    Report,
    Request,
    encode_line,
)
from testbed.live.supervisor import ClockReading
from testbed.protocol.codec import UNDECODABLE

IN_A_ROW = 8
BUILD_AGAIN = "build its image again (`docker compose build`), or install the same release there"


def reading_of(host: str, offset: ClockOffset) -> ClockReading:
    """What the probes of the clock of ``host`` say; of one that is not known yet, nothing."""
    if offset.used_ns is None:
        return ClockReading(host=host, same=False, probes=offset.probes)
    drift, error = offset.drift_ppm()
    return ClockReading(
        host=host,
        same=False,
        ahead_ns=offset.used_ns,
        uncertainty_ns=offset.uncertainty_ns(),
        probes=offset.probes,
        off_ns=offset.best_ns() - offset.used_ns,
        drift_ppm=round(drift, 3),
        drift_error_ppm=round(error, 3),
        steps=offset.steps,
    )


class HostLink:
    """The agent of ``host`` at the other end of ``channel``: it is told of the ``run`` once its clock is known.

    ``unfit`` says why it cannot serve this launcher, "" if it can.
    """

    def __init__(self, host: str, channel: Channel, run: HostRun) -> None:
        self.host, self.channel, self._run = host, channel, run
        self.serves, self.unfit = False, ""
        self._lines = Lines()
        self._same = False
        self._offset = ClockOffset()
        self._sent_ns: dict[int, int] = {}
        self._probed_ns = self._answered_ns = 0
        self._more = 0

    def say(self, request: Request) -> None:
        """Send a request."""
        self.channel.send(encode_line(request))

    def hear(self) -> list[Report] | None:
        """What the agent reports, but for what is between the two; None once it is gone, or makes no sense."""
        reports: list[Report] = []
        while piece := self.channel.receive():
            heard_ns = time.monotonic_ns()
            try:
                reports += [report for report in self._lines.reports(piece) if not self._own(report, heard_ns)]
            except UNDECODABLE:
                return None
        return None if piece is None else reports

    def _own(self, report: Report, heard_ns: int) -> bool:
        """Act on what is about the host itself."""
        match report:
            case HostReady(_, clock, its) if its != version():
                self.unfit = f"the agent of {self.host} has version {its}, and this is {version()}: {BUILD_AGAIN}"
            case HostReady(_, clock, _):
                self._same = clock == clock_identity()
                if self._same:
                    self.say(self._run)
                else:
                    self._probe()
            case HostServes():
                self.serves = True
                self._answered_ns = 0 if self._same else heard_ns
            case Probed(number, monotonic_ns):
                self._note(self._sent_ns.pop(number, 0), monotonic_ns, heard_ns)
            case _:
                return False
        return True

    def _note(self, sent_ns: int, told_ns: int, heard_ns: int) -> None:
        if not sent_ns:
            return
        self._answered_ns = heard_ns
        self._offset.add(sent_ns, told_ns, heard_ns)
        if not self._offset.known:
            self._probe()
        elif self._offset.used_ns is None:
            self._offset.use()
            self.say(self._run)
        elif self._more:
            self._more -= 1
            self._probe()

    def _probe(self) -> None:
        self._probed_ns = time.monotonic_ns()
        self._sent_ns = {self._offset.probes: self._probed_ns}
        self.say(Probe(self._offset.probes))

    def probe_when_idle(self, now_ns: int, every_ns: int) -> None:
        """Ask for another clock's time now and then, also if the last answer never came: several times in a row, as on
        a busy host most of them take long."""
        if self.serves and not self._same and now_ns - self._probed_ns >= every_ns:
            self._more = IN_A_ROW - 1
            self._probe()

    def silent_ns(self, now_ns: int) -> int:
        """For how long a host with a clock of its own, which is probed all the time, has not answered; 0 for others."""
        return now_ns - self._answered_ns if self.serves and self._answered_ns else 0

    def ahead_ns(self) -> int:
        """By how much the host's clock is ahead, in ns, as it was when the host was ready."""
        return self._offset.used_ns or 0

    def clock(self) -> ClockReading:
        """What is known of its clock."""
        if self._same:
            return ClockReading(host=self.host, same=True)
        return reading_of(self.host, self._offset)
