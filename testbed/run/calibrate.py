"""What a message and a payload byte cost on this host, measured once by two short runs of real processes, and kept.

The runs are alike but for their payload: one declares it, the other really sends it. CPU time is read from the
processes themselves, less what they were asked to burn; the launcher's counts too.
"""

import contextlib
import json
from pathlib import Path

import psutil

from testbed.model.load import parse_scenario
from testbed.model.system import Plan
from testbed.model.task import INTERRUPTED
from testbed.node.files import scratch
from testbed.run import record, rundir
from testbed.run.costs import Costs, byte_rate, message_rate
from testbed.run.grading import RELEASES, burnt, lateness
from testbed.run.launch import launch
from testbed.run.progress import Progress
from testbed.trace import inputs

SCENARIO = """
name: calibration
slots: 24
density: 0.9
task: {{input: 400 kB, cycles: 0.5 G, deadline: 2 s}}
cells: [{{es: {{cpu: 8 GHz}}, ues: 5}}, {{es: {{cpu: 8 GHz}}, ues: 5}}]
emulation: {{speed: 20, payload: {payload}, burn: 0.02, drain_limit: 20 s}}
"""
POLICY = "offload"


def measure() -> Costs:
    """Run both; raises `TestbedError` where processes cannot be started."""
    declared_s, late_s, plan = _run("declared")
    real_s, _, _ = _run("real")
    seconds = plan.system.end_ns * 1e-9
    return Costs(
        message_s=max(1e-6, declared_s / (message_rate(plan) * seconds)),
        byte_s=max(1e-10, (real_s - declared_s) / (byte_rate(plan) * seconds)),
        late_s=late_s,
        measured=True,
    )


def _run(payload: str) -> tuple[float, float, Plan]:
    """CPU seconds of all processes for messages, p99 of lateness in seconds, and the plan that was run."""
    resolved = inputs.resolve(parse_scenario(SCENARIO.format(payload=payload), "calibration"))
    plan = resolved.plan(inputs.generate(resolved.scenario, resolved.system), POLICY, False, live=True)
    with scratch() as folder:
        meter = Meter(folder)
        if launch(plan, folder, meter).reason == INTERRUPTED:
            raise KeyboardInterrupt
        events = record.read_record(folder / rundir.RECORD).events
    return max(0.0, meter.seconds - burnt(events).achieved_s), lateness(events, RELEASES).p99 * 1e-3, plan


class Meter:
    """A run's observer: CPU seconds that its processes and this one have used since the run began."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._processes: list[psutil.Process] = []
        self._begin = 0.0
        self.seconds = 0.0

    def __call__(self, progress: Progress) -> None:
        """Read the meters, once all processes run."""
        if progress.phase == "starting":
            return
        if not self._processes:
            rows = json.loads((self._run_dir / "processes.json").read_text())
            self._processes = [psutil.Process(), *(psutil.Process(row["pid"]) for row in rows)]
            self._begin = self._read()
        with contextlib.suppress(psutil.Error):
            self.seconds = self._read() - self._begin

    def _read(self) -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in self._processes))
