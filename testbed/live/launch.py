"""`testbed run` on processes: start them, give them one epoch, record what they tell, act out faults, end cleanly."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from testbed.live import warm_up
from testbed.live.faults import Faults
from testbed.live.host_clocks import HostClocks
from testbed.live.host_meter import HostLoad
from testbed.live.interrupts import collected_signals
from testbed.live.local_supervisor import LOCAL_DEPLOYMENT
from testbed.live.process_group import ProcessGroup, prepared
from testbed.live.progress import Progress, TaskCounter
from testbed.live.supervisor import ClockReading, Deployment, Supervisor
from testbed.live.told_rows import ToldRows
from testbed.model.errors import LostError, StartError
from testbed.model.revision import Revision
from testbed.model.system import Plan
from testbed.model.task import DRAIN_LIMIT, INTERRUPTED, NEVER_BEGAN_NS, STARTER_DIED
from testbed.node.launcher_session import LAUNCHER
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Rows, Stop
from testbed.protocol.placement import processes_of
from testbed.protocol.rows import CLOCK, DROPPED_FRAME, STALE, UNSENT, EventRow
from testbed.record.writer import Hearer, Recorder

STOP_TIMEOUT_NS = 5_000_000_000
FINAL_READ_NS = 1_000_000_000
CLOCKS_EVERY_NS = 10_000_000_000
FAILED_AT_ONCE = 1000


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended: ``reason`` is "" if it drained, otherwise why not; seconds until all were ready."""

    reason: str
    end_ns: int
    ready_s: float


def launch(
    plan: Plan,
    run_dir: Path,
    progress: Callable[[Progress], None] | None = None,
    meta: Mapping[str, object] | None = None,
    heard: Hearer | None = None,
    deployment: Deployment = LOCAL_DEPLOYMENT,
) -> RunEnd:
    """Run ``plan`` on processes, recording into ``run_dir``; raises `StartError` when they cannot be started.

    ``deployment`` says where they live. ``heard`` is called with rows once they are recorded, and must not
    take long.
    """
    with collected_signals() as interrupted, prepared(run_dir) as here:
        launcher = Launcher(plan, run_dir, here, progress, meta or {}, interrupted, deployment)
        launcher.recorder.heard = heard
        return launcher.run()


class Launcher(ProcessGroup):
    """One run; `launch` is the way to use it."""

    def __init__(
        self,
        plan: Plan,
        run_dir: Path,
        here: str,
        progress: Callable[[Progress], None] | None,
        meta: Mapping[str, object],
        interrupted: list[int],
        deployment: Deployment,
    ) -> None:
        super().__init__(plan, run_dir, here, processes_of(plan), warm_up=warm_up.plan(plan), deployment=deployment)
        self.interrupted = interrupted
        self._show = progress or (lambda _: None)
        self._began_ns = time.monotonic_ns()
        try:
            self.recorder = Recorder(run_dir / "run.db", meta)
        except StartError:
            self.mailbox.close()
            raise
        self.ledger = TaskCounter(plan)
        self._told = ToldRows(self.processes)
        self._load, self._host_clocks = HostLoad(), HostClocks()
        self._earnest = False
        self._ready_s = 0.0
        self._clocks: Sequence[ClockReading] = ()
        self._clocks_due_ns = self._steps = 0

    def run(self) -> RunEnd:
        """Start, run, stop; whatever happens, no process is left and the record is closed."""
        reason, end_ns = INTERRUPTED, NEVER_BEGAN_NS
        try:
            self.faults = Faults(self, self.supervisor)
            if self._start():
                reason = self._work()
                end_ns = self.now_ns()
            self.faults.end_pauses()
            self._stop(reason)
        finally:
            self.shutdown()
            end_ns = max(end_ns, self.ledger.latest_ns)
            self._finish(reason, end_ns)
        return RunEnd(reason, end_ns, self._ready_s)

    def _finish(self, reason: str, end_ns: int) -> None:
        """Write the failed tasks' rows, the host's load and how the run ended."""
        failed = self.ledger.failed_rows(self.recorder.task, self.faults_absences(), end_ns, reason)
        while rows := list(islice(failed, FAILED_AT_ONCE)):
            self.recorder.add(rows)
        self.recorder.add([clock_row(end_ns, reading) for reading in self._clocks])
        self.recorder.add([EventRow(end_ns, LAUNCHER, "host", self._load.to_json(), self._load.steal())])
        self.recorder.put({"reason": reason, "end_ns": end_ns})
        self.recorder.close()

    def faults_absences(self) -> dict[str, list[tuple[int, int]]]:
        """Intervals of absence of every core so far."""
        return self.faults.absences if hasattr(self, "faults") else {}

    def _start(self) -> bool:
        """Start every process and give them the epoch; False if interrupted meanwhile."""
        names = [name for name in self.processes if name not in self.plan.learners]
        if not self.start_all(names, lambda: self.interrupted, self._show):
            return False
        self._ready_s = (time.monotonic_ns() - self._began_ns) * 1e-9
        if not self._play_warm_up(names):
            return False
        self.begin(names)
        self.recorder.put({"ready_s": self._ready_s, "epoch_monotonic_ns": self.clock.epoch_ns})
        for name in self.plan.learners:
            self.faults.join(name)
        return True

    def _play_warm_up(self, names: Sequence[str]) -> bool:
        """Let the processes play a short episode of which nothing is kept; False if interrupted meanwhile."""
        slot_ns, wall_ns = self.plan.system.slot_ns, warm_up.slot_wall_ns(len(names))
        self.set_clock(names, wall_ns, slot_ns / wall_ns, warm_up=True)
        try:
            while not self.interrupted and self.now_ns() < warm_up.end_ns(slot_ns):
                self.look(warm_up.WARM_UP_LOOK_MS)
            self.call_off(names, warm_up.REASON)
        except LostError as lost:
            raise StartError(f"before the run began: {lost.message}", lost.remedy) from None
        self._earnest = True
        return not self.interrupted

    def _work(self) -> str:
        """Until drained ("") or the reason why not."""
        end_ns = self.plan.system.end_ns
        supervisor = self.faults.supervisor
        while True:
            if self.interrupted:
                return INTERRUPTED
            now = self.clock.now_ns()
            if now >= end_ns and self.ledger.drained(self.faults.absences):
                return ""
            if now > self.ledger.limit_ns:
                return DRAIN_LIMIT
            self.wait(self.faults.milliseconds())
            self.receive()
            if supervisor.failed():
                return STARTER_DIED
            self.faults.act()
            self.recorder.add(self._host_clocks.news(self.now_ns()))
            self._watch_clocks(supervisor)
            self.recorder.commit_when_due()
            alive, silent = len(supervisor.table()), tuple(self.liveness.silent)
            self._show(self.ledger.progress(now, alive, len(self.processes), silent))

    def _watch_clocks(self, supervisor: Supervisor) -> None:
        """Record now and then what is known of other hosts' clocks, and at once that one was set."""
        now_ns, clocks = time.monotonic_ns(), [clock for clock in supervisor.clocks() if not clock.same]
        steps = sum(clock.steps for clock in clocks)
        if clocks and (now_ns >= self._clocks_due_ns or steps > self._steps):
            self._clocks_due_ns, self._steps = now_ns + CLOCKS_EVERY_NS, steps
            self.recorder.add([clock_row(self.now_ns(), clock) for clock in clocks])

    def take(self, received: Envelope) -> None:
        """Rows are kept; see `ProcessGroup.take`."""
        body = received.body
        if isinstance(body, Rows):
            if self._earnest:
                rows, refused = self._told.sorted(received.source, body.rows)
                self.ledger.take(rows)
                self.recorder.add(rows)
                for why in refused:
                    self.mailbox.drop(f"{received.source[:40]} told a {why}")
        else:
            super().take(received)

    def follow(self, plan: Plan, revision: Revision) -> None:
        """See `ProcessGroup.follow`; the record is of the new plan too."""
        super().follow(plan, revision)
        self.ledger.follow(plan)
        self.recorder.put({"system": msgspec.json.encode(plan.system).decode()})

    def note(self, row: EventRow) -> None:
        """An event goes into the record."""
        self.recorder.add([row])

    def _stop(self, reason: str) -> None:
        """Let everyone flush and leave; a second interrupt hurries."""
        supervisor = self.supervisor
        self._clocks = supervisor.clocks()
        for name in supervisor.table():
            self.tell(name, Stop(self.now_ns(), reason))
        limit = time.monotonic_ns() + STOP_TIMEOUT_NS
        known = len(self.interrupted)
        while supervisor.table() and time.monotonic_ns() < limit and len(self.interrupted) <= known:
            self.wait(50)
            self.receive()
            for name in supervisor.dead():
                supervisor.forget(name)
        self._read_the_rest()
        if self.mailbox.dropped:
            row = EventRow(self.now_ns(), LAUNCHER, DROPPED_FRAME, self.mailbox.last_error, self.mailbox.dropped)
            self.recorder.add([row])
        if self.mailbox.stale:
            row = EventRow(self.now_ns(), LAUNCHER, STALE, self.mailbox.last_stale, self.mailbox.stale)
            self.recorder.add([row])
        if self.mailbox.unsent:
            row = EventRow(self.now_ns(), LAUNCHER, UNSENT, "full queue or unknown peer", self.mailbox.unsent)
            self.recorder.add([row])

    def _read_the_rest(self) -> None:
        """What the processes said before they ended; should somebody else go on talking, it has an end."""
        limit = time.monotonic_ns() + FINAL_READ_NS
        self.receive()
        while not self.mailbox.drained and time.monotonic_ns() < limit:
            self.receive()


def clock_row(at_ns: int, reading: ClockReading) -> EventRow:
    """The event that tells of another host's clock; its value is the uncertainty in s."""
    detail = msgspec.json.encode(reading).decode()
    return EventRow(at_ns, reading.host, CLOCK, detail, reading.uncertainty_ns * 1e-9)
