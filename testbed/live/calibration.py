"""What a message and a payload byte cost on this host, measured once by two short runs of real processes, and kept.

The runs are alike but for their payload: one declares it, the other really sends it. CPU time is read from the
processes themselves, which burn nothing; the launcher's counts too.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from testbed.analysis.grading import RELEASES, lateness
from testbed.live.host_costs import BUSY_SHARE, KEPT_BUSY_S, HostCosts, byte_rate, keep, message_rate
from testbed.live.host_meter import HostLoad
from testbed.live.launch import launch
from testbed.live.progress import Progress
from testbed.model.errors import TestbedError
from testbed.model.system import Plan
from testbed.model.task import INTERRUPTED
from testbed.record import directory, reader
from testbed.record.files import scratch
from testbed.scenario.load import parse_scenario
from testbed.trace import inputs

_SCENARIO = """
name: calibration
slots: 24
density: 0.9
task: {{input: 400 kB, cycles: 0.5 G, deadline: 2 s}}
cells: [{{es: {{cpu: 8 GHz}}, ues: 5}}, {{es: {{cpu: 8 GHz}}, ues: 5}}]
emulation: {{speed: 20, payload: {payload}, burn: 0, drain_limit: 20 s}}
"""
CALIBRATED_POLICY = "offload"


def measured(say: Callable[[str], None]) -> HostCosts:
    """Measure now, telling ``say``, and keep it where possible; another host's costs if it cannot be measured."""
    say("measuring what messages cost on this host, once (about 4 s)")
    try:
        costs = measure()
    except TestbedError as error:
        say(f"could not be measured, using those of another host: {error}")
        return HostCosts()
    keep(costs)
    if costs.others > BUSY_SHARE:
        busy = f"other programs used {costs.others:.1f} cores meanwhile"
        say(f"{busy}: timers are taken for those of a quiet host; measured again in {KEPT_BUSY_S / 60:.0f} minutes")
    return costs


def measure() -> HostCosts:
    """Run both; raises `TestbedError` where processes cannot be started.

    CPU time is that of the run's own processes whatever else runs. Lateness is not: on a busy host that of another,
    quiet one is taken.
    """
    declared, real = run("declared"), run("real")
    usual, seconds = HostCosts(), declared.plan.system.end_ns * 1e-9
    payload_s = real.cpu_s - declared.cpu_s
    others = max(declared.others, real.others)
    return HostCosts(
        message_s=max(1e-6, declared.cpu_s / (message_rate(declared.plan) * seconds)),
        byte_s=payload_s / (byte_rate(real.plan) * seconds) if payload_s > 0.0 else usual.byte_s,
        late_s=usual.late_s if others > BUSY_SHARE else declared.late_s,
        measured=True,
        others=others,
    )


class CalibrationRun(msgspec.Struct, frozen=True):
    """What a run took: CPU seconds of its processes, p99 of lateness in seconds, cores that others used meanwhile."""

    plan: Plan
    cpu_s: float
    late_s: float
    others: float


def run(payload: str) -> CalibrationRun:
    """Run with ``payload``, "declared" or "real"."""
    resolved = inputs.resolve(parse_scenario(_SCENARIO.format(payload=payload), "calibration"))
    plan = resolved.plan(
        inputs.generate(resolved.scenario, resolved.system), CALIBRATED_POLICY, second_offload=False, live=True
    )
    with scratch() as folder:
        meter = Meter(folder)
        if launch(plan, folder, meter).reason == INTERRUPTED:
            raise KeyboardInterrupt
        events = reader.read_record(folder / directory.RECORD).events
    return CalibrationRun(plan, meter.seconds, lateness(events, RELEASES).p99 * 1e-3, meter.others)


class Meter:
    """A run's observer: CPU seconds that its processes and this one have used since the run began.

    ``others``: the mean number of cores, of those that may be used here, that everything else took meanwhile.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._processes: list[psutil.Process] = []
        self._begin = 0.0
        self.seconds = self.others = 0.0

    def __call__(self, progress: Progress) -> None:
        """Read the meters, once all processes run."""
        if progress.phase == "starting":
            return
        if not self._processes:
            rows = json.loads((self._run_dir / "processes.json").read_text())
            self._processes = [psutil.Process(), *(psutil.Process(row["pid"]) for row in rows)]
            self._begin, self._load, self._began_s = self._read(), HostLoad(), time.monotonic()
        with contextlib.suppress(psutil.Error):
            self.seconds = self._read() - self._begin
            passed = max(1e-9, time.monotonic() - self._began_s)
            self.others = self._load.cpu() * len(os.sched_getaffinity(0)) - self.seconds / passed

    def _read(self) -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in self._processes))
