"""Where snapshots come from: a run that goes on, followed through its record, or a recorded one, played again."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from testbed.live.host_meter import CpuMeter
from testbed.model.task import DECIDED, UNDECIDED
from testbed.protocol.rows import Row, TaskRow
from testbed.record import directory, kept_grade, reader
from testbed.record.reader import RecordedRun
from testbed.record.tail import Tail
from testbed.scenario import workload
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from testbed.watch.snapshot import Snapshot
from testbed.watch.telemetry import Telemetry

_FASTEST, _SLOWEST = 1024.0, 1 / 16
AHEAD_WALL_NS = 1_000_000_000


class Feed(Protocol):
    """What a screen asks for at every frame. ``live``: whether the run goes on."""

    live: bool
    path: Path
    telemetry: Telemetry

    def frame(self) -> Snapshot:
        """The run as it stands now."""


class LiveFeed:
    """A run that goes on in the folder ``path``, whoever started it. Raises `UsageError` for what is no record."""

    def __init__(self, path: Path) -> None:
        self.path, self.live = path, True
        self._tail = Tail(path)
        resolved = inputs.resolve(load_scenario(path / directory.SCENARIO))
        tasks = workload.read_csv(path / directory.WORKLOAD, resolved.system)
        self.telemetry = Telemetry(resolved.system, self._tail.news().meta, [task.generated_ns for task in tasks])
        self._tail = Tail(path)
        self._seen_ns, self._seen_at = 0, time.monotonic_ns()
        self._cpu = CpuMeter()

    def frame(self) -> Snapshot:
        """Everything recorded so far, as of now."""
        telemetry, news = self.telemetry, self._tail.news()
        telemetry.meta.update(news.meta)
        telemetry.take(news.rows)
        self.live = reader.is_running(telemetry.meta, self.path / directory.RECORD)
        if self.live:
            telemetry.advance(self._now_ns())
        else:
            telemetry.advance(max(int(telemetry.meta.get("end_ns", 0)), telemetry.last_ns))
        shares = self._cpu.shares()
        telemetry.steal = None if shares is None else shares.steal
        return telemetry.snapshot(None if self.live else grade_of(self.path))

    def _now_ns(self) -> int:
        """Emulated time by the run's own epoch; for one on another host, by the newest row and the time since it."""
        meta, now = self.telemetry.meta, time.monotonic_ns()
        epoch, speed = meta.get("epoch_monotonic_ns"), float(meta.get("speed", 1.0))
        if reader.is_here(meta):
            return max(0, round((now - epoch) * speed)) if isinstance(epoch, int) else 0
        if self.telemetry.last_ns > self._seen_ns:
            self._seen_ns, self._seen_at = self.telemetry.last_ns, now
        return self._seen_ns + round(min(now - self._seen_at, AHEAD_WALL_NS) * speed)


class RecordedFeed:
    """A recorded run, played from its beginning at ``rate`` emulated seconds a wall second."""

    def __init__(self, run: RecordedRun, rate: float = 1.0) -> None:
        self.path, self.live = run.path, False
        self.rate, self.paused = rate, False
        self._run, self._grade = run, grade_of(run.path)
        self._position_ns, self._last = 0.0, time.monotonic_ns()
        self.telemetry = self._from_the_start()

    @property
    def end_ns(self) -> int:
        """The last instant of the run."""
        return max(1, self._run.end_ns)

    def _from_the_start(self) -> Telemetry:
        run, record = self._run, self._run.record
        meta = {"reason": run.reason, "end_ns": run.end_ns, **run.meta, "backend": run.backend}
        telemetry = Telemetry(run.resolved.system, meta, [task.generated_ns for task in run.workload])
        telemetry.take(_decided(run.tasks))
        for rows in (run.tasks, record.slots, record.links, record.updates, record.events):
            telemetry.take(rows)
        return telemetry

    def frame(self) -> Snapshot:
        """Play on by the wall time since the last frame."""
        now = time.monotonic_ns()
        if not self.paused:
            self._position_ns = min(float(self.end_ns), self._position_ns + (now - self._last) * self.rate)
        self._last = now
        self.telemetry.advance(int(self._position_ns))
        return self.telemetry.snapshot(self._grade if self._position_ns >= self.end_ns else None)

    def seek(self, slots: int) -> None:
        """Move by ``slots``, back or on."""
        target = self._position_ns + slots * self._run.resolved.system.slot_ns
        self._position_ns = min(float(self.end_ns), max(0.0, target))
        if self._position_ns < self.telemetry.now_ns:
            baseline = self.telemetry.baseline
            self.telemetry = self._from_the_start()
            self.telemetry.baseline = baseline

    def faster(self, factor: float) -> None:
        """Multiply the rate, within limits."""
        self.rate = min(_FASTEST, max(_SLOWEST, self.rate * factor))


def grade_of(path: Path) -> str | None:
    """The grade that the run's last summary had, if one is kept."""
    grade = kept_grade.read_grade(path)
    return grade.grade if grade is not None else None


def _decided(rows: Sequence[TaskRow]) -> list[Row]:
    """Each decided task as it was recorded when it was decided, for what is shown between decision and end."""
    return [replace(row, state=DECIDED) for row in rows if row.choice != UNDECIDED and row.ready_ns >= 0]


def feed_of(name: str | Path, rate: float | None = None) -> Feed:
    """The feed of a run by path or name. Raises `UsageError` for what is no run."""
    path = reader.find(name)
    record = path / directory.RECORD
    if reader.is_running(reader.read_meta(record), record):
        return LiveFeed(path)
    run = reader.read_run(path)
    return RecordedFeed(run, rate or max(1.0, float(run.meta.get("speed", 1.0))))
