"""Strategies over many workloads: on the simulation, the twin or the testbed, or as earlier runs recorded them."""

import hashlib
import shlex
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import msgspec

from testbed.analysis import comparison
from testbed.analysis.comparison import Sample
from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.experiments.virtual import by_twin, sample_by_twin
from testbed.model import ledger
from testbed.model.errors import InterruptedRunError, UsageError
from testbed.model.system import Plan
from testbed.model.task import INTERRUPTED, Task
from testbed.policy import loading
from testbed.policy.heuristics import Policy
from testbed.record import directory, reader
from testbed.record.backends import SIM, TESTBED, TWIN
from testbed.scenario.resolve import Resolved
from testbed.scenario.schema import Scenario
from testbed.sim.run_log import Simulated
from testbed.sim.simulation import simulate
from testbed.trace import inputs

Samples = dict[str, dict[Hashable, Sample]]
Clock = Callable[[Plan, Policy], Simulated]
Measure = Callable[[Resolved, tuple[Task, ...], str], Sample]


class Rounds:
    """Samples of ``strategies`` on clock ``on``, one workload after another; ``samples`` are of complete workloads.

    ``notes`` tell, a line each, what of the inputs was left out.
    """

    def __init__(self, strategies: Sequence[str], on: str, progress: Callable[[str], None]) -> None:
        for strategy in strategies:
            loading.load(strategy)
        self.samples: Samples = {strategy: {} for strategy in strategies}
        self.notes: dict[str, None] = {}
        self._measures = dict.fromkeys(strategies, MEASURES[on])
        self._progress = progress

    def add(self, strategy: str, policy: Policy, *, double: bool) -> None:
        """One more, at hand already, with second offload or without; it plays on the twin."""
        self.samples[strategy] = {}
        self._measures[strategy] = lambda resolved, workload, name: _played(
            resolved, workload, name, policy, double=double, clock=by_twin
        )

    def play(self, scenario: Scenario, seeds: Sequence[int], title: str = "") -> None:
        """Let every strategy meet the workload of every seed; one that came before, as that of a trace, is left out.

        Raises `TestbedError` as runs do.
        """
        played: set[tuple[Task, ...]] = set()
        again = 0
        for i, seed in enumerate(seeds):
            resolved = inputs.resolve(msgspec.structs.replace(scenario, seed=seed))
            found_there = inputs.played(resolved.scenario, resolved.system)
            workload = found_there.tasks
            self.notes.update(dict.fromkeys(found_there.notes if scenario.workload.trace else ()))
            if workload in played:
                again += 1
                continue
            played.add(workload)
            found = {}
            for strategy in self.samples:
                self._progress(f"{title}workload {i + 1} of {len(seeds)}: {strategy}")
                found[strategy] = self._measures[strategy](resolved, workload, strategy)
            for strategy, one in found.items():
                self.samples[strategy][seed] = one
        if again:
            self.notes[f"{title}{again} of {len(seeds)} seeds have the workload of an earlier one: left out"] = None


def _simulated(resolved: Resolved, workload: tuple[Task, ...], strategy: str) -> Sample:
    return _virtual(resolved, workload, strategy, simulate)


def _twin(resolved: Resolved, workload: tuple[Task, ...], strategy: str) -> Sample:
    return _virtual(resolved, workload, strategy, by_twin)


def _virtual(resolved: Resolved, workload: tuple[Task, ...], strategy: str, clock: Clock) -> Sample:
    policy, double = loading.load(strategy)
    return _played(resolved, workload, strategy, policy, double=double, clock=clock)


def _played(
    resolved: Resolved, workload: tuple[Task, ...], strategy: str, policy: Policy, *, double: bool, clock: Clock
) -> Sample:
    plan = resolved.plan(workload, strategy, second_offload=double, live=False)
    if clock is by_twin and (found := sample_by_twin(plan, policy)) is not None:
        return found
    made = clock(plan, policy)
    names = [ue.name for ue in resolved.system.ues]
    audit = ledger.reconcile(made.tasks, workload, names, reader.absences_of(made.events), made.end_ns)
    return comparison.sample(made.tasks, audit, resolved.system, made.events)


def _live(resolved: Resolved, workload: tuple[Task, ...], strategy: str) -> Sample:
    run = runner.execute(Order(resolved=resolved, workload=workload, policy=strategy))
    if run.reason == INTERRUPTED:
        raise InterruptedRunError(f"{run.path} was interrupted")
    return sample_of(run)


MEASURES: Mapping[str, Measure] = {SIM: _simulated, TWIN: _twin, TESTBED: _live}


def sample_of(run: reader.RecordedRun) -> Sample:
    """The sample of a recorded run."""
    names = [ue.name for ue in run.resolved.system.ues]
    audit = ledger.reconcile(run.tasks, run.workload, names, run.absences, run.end_ns)
    return comparison.sample(run.tasks, audit, run.resolved.system, run.record.events)


def of_runs(runs: Sequence[reader.RecordedRun]) -> Samples:
    """Recorded runs as samples by strategy and workload.

    Runs of the same strategy and workload on different clocks or speeds are kept apart by their run's name. A strategy
    that learned meanwhile is another one than the same that did not. Raises `UsageError` for runs of one strategy that
    are not equally long: they are neither samples of one thing nor of two.
    """
    samples: Samples = {}
    for run in runs:
        key, name = workload_key(run.path), run.policy + (", learning" if run.meta.get("learn") else "")
        name = name if key not in samples.get(name, {}) else f"{name} ({run.name})"
        samples.setdefault(name, {})[key] = sample_of(run)
    if len(samples) == 1 and len({run.resolved.system.slots for run in runs}) > 1:
        remedy = f"give equally long ones, or runs of the same tasks: {_replaying(runs[0])} makes one"
        raise UsageError(f"these runs are all of {next(iter(samples))}, on workloads of different lengths", remedy)
    return samples


def compared(runs: Sequence[reader.RecordedRun]) -> comparison.Comparison:
    """Recorded runs compared with each other; raises `UsageError` for runs without a common workload."""
    samples = of_runs(runs)
    if not set.intersection(*(set(mine) for mine in samples.values())):
        raise UsageError(
            "these runs have no workload in common", f"{_replaying(runs[0])} makes a run of the same tasks"
        )
    return comparison.compare(samples)


def _replaying(run: reader.RecordedRun) -> str:
    """The command that makes a run of the same tasks under another policy."""
    return (
        f"`testbed replay {shlex.quote(str(run.path))} --policy {'greedy-do' if run.policy == 'lc' else 'lc'} --on sim`"
    )


def workload_key(path: Path) -> str:
    """What tells one workload from another: a digest of its table."""
    return hashlib.sha256((path / directory.WORKLOAD).read_bytes()).hexdigest()
