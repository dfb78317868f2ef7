"""Training on the testbed: a run learns from what it measures, and what it has learned becomes the checkpoint."""

import contextlib
import math
from collections.abc import Callable
from pathlib import Path

import msgspec

from controller.online.start import CHECKPOINT
from controller.online.trajectory import LEAST_SLOTS
from testbed.analysis.summary import Summary
from testbed.experiments import runner, tune
from testbed.experiments.runner import Order
from testbed.model.errors import InterruptedRunError, ScenarioError, StartError, UsageError
from testbed.model.learning import LEARNS_ONLINE
from testbed.model.packages import require
from testbed.model.task import INTERRUPTED
from testbed.policy import checkpoint, loading
from testbed.record.files import keep
from testbed.record.reader import RecordedRun
from testbed.scenario.schema import Scenario
from testbed.trace import inputs


class LiveTrainingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What training on the testbed came to; ``overhead`` is the run's own mean, exploration included; ``slots`` are
    those that were played."""

    checkpoint: str
    algorithm: str
    run: str
    overhead: float
    ended: str
    slots: int
    speed: float
    updates: int
    updates_per_s: float
    policy_lag: float
    seed: int
    start: str


class Keeper:
    """Brings what a run has learned to ``path`` while it goes on, so that it is there whatever ends the run.

    Called with the run's directory again and again; what cannot be written now is said at the end (`collect`). Unless
    it goes on from what is at ``path``, that is kept beside it first (`checkpoint.keep_old`), which ``say`` is told.
    """

    def __init__(self, path: Path, *, goes_on: bool, say: Callable[[str], None]) -> None:
        self.path, self._seen_ns = path, -1
        self._kept, self._say = goes_on, say

    def __call__(self, run: Path) -> None:
        """Look for something newer."""
        with contextlib.suppress(OSError, StartError):
            written_ns = (run / CHECKPOINT).stat().st_mtime_ns
            if written_ns != self._seen_ns:
                self._seen_ns = written_ns
                self.bring(run / CHECKPOINT)

    def bring(self, learned: Path) -> None:
        """Put what is at ``learned`` where it belongs. Raises `StartError`."""
        if not self._kept and checkpoint.keep_old(self.path):
            self._say(f"{self.path} was there: kept as {checkpoint.old(self.path).name}")
        self._kept = True
        keep(self.path, learned.read_bytes())


def order(
    scenario: Scenario, algorithm: str, seed: int, seconds: float, start: str, *, auto_speed: bool = False
) -> Order:
    """The run to learn from: ``seconds`` of wall time, 0 for the scenario's own slots, from the checkpoint ``start`` or
    from nothing (""). Its workload is a training workload of ``seed``. Raises `UsageError` for what cannot learn there.
    """
    base = loading.parts(algorithm)[0]
    if base != LEARNS_ONLINE:
        raise UsageError(f"{algorithm} is not trained on the testbed", "a3c and a3c-do are; leave out --on testbed")
    require("torch")  # by a process of the run, where its absence would be found late
    policy = f"{algorithm}:{start}" if start else algorithm
    ordered = _ordered(scenario, policy, seed, auto_speed=auto_speed)
    speed = runner.planned(ordered, double=False).emulation.speed
    slots = math.ceil(round(seconds * speed * 1e9 / scenario.slot_ns, 6)) if seconds else scenario.slots
    if slots < LEAST_SLOTS:
        least = math.ceil(LEAST_SLOTS * scenario.slot_ns * 1e-9 / speed)
        longer = f"--wall {least}s" if seconds else f"--slots {LEAST_SLOTS}"
        raise UsageError(
            f"slots={slots}: too short to learn from, a trajectory segment and its tasks' ends need {LEAST_SLOTS}",
            f"{longer} is the least; it takes some hundreds of slots to learn much",
        )
    return (
        _ordered(msgspec.structs.replace(scenario, slots=slots), policy, seed, auto_speed=auto_speed)
        if seconds
        else ordered
    )


def _ordered(scenario: Scenario, policy: str, seed: int, *, auto_speed: bool) -> Order:
    resolved = inputs.resolve(msgspec.structs.replace(scenario, seed=tune.training_seeds(seed, 1)[0]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    if not workload:
        raise ScenarioError("the training workload has no task: nothing to learn from", remedy="raise density or slots")
    return Order(resolved=resolved, workload=workload, policy=policy, auto_speed=auto_speed, learn=True, base="train")


def collect(
    run: RecordedRun,
    summary: Summary,
    keeper: Keeper,
    algorithm: str,
    seed: int,
    start: str,
    longer: str = "--wall 300s",
) -> LiveTrainingResult:
    """Let ``keeper`` have what ``run`` has learned; `StartError` if that is nothing, `InterruptedRunError` if that is
    so because it was interrupted. ``longer`` is the option that makes it last longer."""
    learned = run.path / CHECKPOINT
    slots = min(summary.slots, max(0, run.end_ns) // run.resolved.system.slot_ns)
    if not learned.exists():
        nothing = f"nothing was learned in {slots} slots"
        before = "is as it was" if keeper.path.exists() else "was not written"
        left = f"the run is {run.path}, {keeper.path} {before}"
        if summary.ended == INTERRUPTED:
            raise InterruptedRunError(f"{nothing}: interrupted; {left}")
        late = "the learner was not at work before the run was over"
        raise StartError(f"{nothing}: {late}; {left}", f"train for longer, like {longer}")
    keeper.bring(learned)
    learning = summary.learning
    updates, pace, lag = (learning.updates, learning.updates_per_s, learning.policy_lag) if learning else (0, 0.0, 0.0)
    return LiveTrainingResult(
        checkpoint=str(keeper.path),
        algorithm=algorithm,
        run=str(run.path),
        overhead=summary.overhead.mean,
        ended=summary.ended,
        slots=slots,
        speed=summary.speed,
        updates=updates,
        updates_per_s=pace,
        policy_lag=lag,
        seed=seed,
        start=start,
    )
