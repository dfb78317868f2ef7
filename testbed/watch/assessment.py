"""What takes long to find out of a run: its grade, and the best baseline. Found in a process of its own, while idle.

``python -m testbed.watch.assessment RUN`` prints both as one JSON document.
"""

import contextlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from testbed.analysis.grading import graded
from testbed.model.errors import TestbedError
from testbed.policy import loading
from testbed.record import directory, kept_grade, reader
from testbed.record.reader import RecordedRun
from testbed.sim.simulation import simulate
from testbed.watch.snapshot import BestBaseline

BASELINES = ("lc", "greedy-do")
_MOST_TASKS = 20_000


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The best baseline on the run's own tasks, and the run's grade once it has ended; None where unknown."""

    baseline: BestBaseline | None = None
    grade: str | None = None


class Assessor:
    """Assesses the run in the folder ``path`` in a child process that computes only when nobody else wants to."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "testbed.watch.assessment", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def result(self) -> Assessment | None:
        """What was found; None while it is at work. What could not be found out is unknown."""
        if self._process.poll() is None:
            return None
        assert self._process.stdout is not None
        with contextlib.suppress(msgspec.DecodeError, ValueError):
            return msgspec.json.decode(self._process.stdout.read(), type=Assessment)
        return Assessment()

    def close(self) -> None:
        """End the child, if it is still at work."""
        self._process.kill()
        self._process.communicate()


def assess(path: Path) -> Assessment:
    """Assess the run in ``path``. Raises `TestbedError` for what is no run."""
    run = reader.read_run(path)
    earlier = kept_grade.read_grade(path)
    grade = earlier.grade if earlier is not None else graded(run).grade if "reason" in run.meta else None
    return Assessment(baseline=best_baseline(run), grade=grade)


def best_baseline(run: RecordedRun) -> BestBaseline | None:
    """The least mean overhead that a heuristic, or another run beside this one, has on the same tasks.

    Heuristics are simulated where that takes seconds, without the run's deaths.
    """
    baselines = [*_recorded(run), *(_simulated(run) if len(run.workload) <= _MOST_TASKS else ())]
    return min(baselines, key=lambda one: one.overhead, default=None)


def _simulated(run: RecordedRun) -> Iterator[BestBaseline]:
    for name in BASELINES:
        with contextlib.suppress(TestbedError):
            policy, double = loading.load(name)
            plan = run.resolved.plan(run.workload, name, second_offload=double, live=False)
            overhead = simulate(msgspec.structs.replace(plan, faults=()), policy).mean_overhead
            if not math.isnan(overhead):
                yield BestBaseline(name, overhead)


def _recorded(run: RecordedRun) -> Iterator[BestBaseline]:
    """Ended runs of other policies on the same system and seed, in the folder that this run is in."""
    for file in run.path.resolve().parent.glob(f"*/{directory.RECORD}"):
        meta = reader.read_meta(file)
        same = meta.get("system") == run.meta.get("system") and meta.get("policy") != run.policy
        overhead = (
            kept_grade.overhead_so_far(file) if same and meta.get("reason") == "" and not meta.get("learn") else None
        )
        if overhead is not None:
            yield BestBaseline(str(meta.get("policy")), overhead)


def only_when_idle() -> None:
    """Let this process compute only when nobody else wants to: a run that is measured must not feel who looks at it."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main(argv: list[str]) -> int:
    """Assess the run that ``argv`` names."""
    only_when_idle()
    sys.stdout.buffer.write(msgspec.json.encode(assess(Path(argv[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
