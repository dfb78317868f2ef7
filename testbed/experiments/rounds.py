"""Strategies over many workloads: on the simulation, the twin or the testbed, or as earlier runs recorded them."""

import hashlib
import shlex
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from testbed.analysis import comparison
from testbed.analysis.audit import audited
from testbed.analysis.audit import of_run as audit_of
from testbed.analysis.comparison import Sample
from testbed.experiments import runner, workers
from testbed.experiments.runner import Order
from testbed.experiments.virtual import by_twin, sample_by_twin
from testbed.model.errors import InterruptedRunError, UsageError
from testbed.model.system import Plan
from testbed.model.task import INTERRUPTED, Task, TaskTable
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
Measure = Callable[[Resolved, Sequence[Task], str], Sample]


class Rounds:
    """Samples of ``strategies`` on clock ``on``, one workload after another; ``samples`` are of complete workloads.

    On a virtual clock ``workers`` processes may play, each workload in one of them; that changes nothing but the time
    it takes. ``notes`` tell, a line each, what of the inputs was left out.
    """

    def __init__(
        self, strategies: Sequence[str], on: str, progress: Callable[[str], None], *, workers: int = 1
    ) -> None:
        for strategy in strategies:
            loading.load(strategy)
        self.samples: Samples = {strategy: {} for strategy in strategies}
        self.notes: dict[str, None] = {}
        self._measures = dict.fromkeys(strategies, MEASURES[on])
        self._on, self._workers, self._progress = on, workers if on != TESTBED else 1, progress

    def add(self, strategy: str, policy: Policy, *, double: bool) -> None:
        """One more, at hand already, with second offload or without; it plays on the twin, in this process."""
        self.samples[strategy] = {}
        self._workers = 1
        self._measures[strategy] = lambda resolved, workload, name: _played(
            resolved, workload, name, policy, double=double, clock=by_twin
        )

    def play(self, scenario: Scenario, seeds: Sequence[int], title: str = "") -> None:
        """Let every strategy meet the workload of every seed; one that came before, as that of a trace, is left out.

        Raises `TestbedError` as runs do.
        """
        seen: set[str] = set()
        again = 0
        for seed, played in zip(seeds, self._rounds(scenario, seeds, title), strict=False):
            self.notes.update(dict.fromkeys(played.notes))
            if played.workload in seen:
                again += 1
                continue
            seen.add(played.workload)
            for strategy, one in played.samples.items():
                self.samples[strategy][seed] = one
        if again:
            self.notes[f"{title}{again} of {len(seeds)} seeds have the workload of an earlier one: left out"] = None

    def _rounds(self, scenario: Scenario, seeds: Sequence[int], title: str) -> Iterator["Round"]:
        if self._workers > 1 and len(seeds) > 1:
            yield from self._spread(scenario, seeds, title)
            return
        seen: set[str] = set()
        for i, seed in enumerate(seeds):

            def say_strategy(strategy: str, number: int = i) -> None:
                self._progress(f"{title}workload {number + 1} of {len(seeds)}: {strategy}")

            played = play_round(scenario, seed, self._measures, say_strategy, seen)
            seen.add(played.workload)
            yield played

    def _spread(self, scenario: Scenario, seeds: Sequence[int], title: str) -> Iterator["Round"]:
        """Rounds played by several processes, in the order of their seeds."""
        todo = [partial(play_named_round, scenario, seed, tuple(self._measures), self._on) for seed in seeds]
        for i, played in enumerate(workers.results(todo, self._workers)):
            for strategy in self._measures:
                self._progress(f"{title}workload {i + 1} of {len(seeds)}: {strategy}")
            yield played


class Round(msgspec.Struct, frozen=True):
    """What the strategies came to on the workload of one seed, a digest of it, and what of its inputs was left out."""

    workload: str
    samples: dict[str, Sample]
    notes: tuple[str, ...]


def play_round(
    scenario: Scenario,
    seed: int,
    measures: Mapping[str, Measure],
    progress: Callable[[str], None],
    seen: Container[str] = (),
) -> Round:
    """Let every strategy meet the workload of ``seed``, unless it was ``seen``; ``progress`` hears of each before."""
    resolved = inputs.resolve(msgspec.structs.replace(scenario, seed=seed))
    inputs_played = inputs.played(resolved.scenario, resolved.system)
    digest = hashlib.sha256()
    for column in TaskTable.of(inputs_played.tasks).columns.values():
        digest.update(column)
    notes = inputs_played.notes if scenario.workload.trace else ()
    samples: dict[str, Sample] = {}
    for strategy, measure in measures.items() if digest.hexdigest() not in seen else ():
        progress(strategy)
        samples[strategy] = measure(resolved, inputs_played.tasks, strategy)
    return Round(digest.hexdigest(), samples, notes)


def play_named_round(scenario: Scenario, seed: int, strategies: Sequence[str], on: str) -> Round:
    """As `play_round`, of strategies by name, for a process that is told nothing else."""
    return play_round(scenario, seed, dict.fromkeys(strategies, MEASURES[on]), lambda text: None)


def _simulated(resolved: Resolved, workload: Sequence[Task], strategy: str) -> Sample:
    return _virtual(resolved, workload, strategy, simulate)


def _twin(resolved: Resolved, workload: Sequence[Task], strategy: str) -> Sample:
    return _virtual(resolved, workload, strategy, by_twin)


def _virtual(resolved: Resolved, workload: Sequence[Task], strategy: str, clock: Clock) -> Sample:
    policy, double = loading.load(strategy)
    return _played(resolved, workload, strategy, policy, double=double, clock=clock)


def _played(
    resolved: Resolved, workload: Sequence[Task], strategy: str, policy: Policy, *, double: bool, clock: Clock
) -> Sample:
    plan = resolved.plan(workload, strategy, second_offload=double, live=False)
    if clock is by_twin and (sample := sample_by_twin(plan, policy)) is not None:
        return sample
    log = clock(plan, policy)
    audit = audited(log.tasks, workload, resolved.system, reader.absences_of(log.events), log.end_ns)
    return comparison.sample(log.tasks, audit, resolved.system, log.events)


def _live(resolved: Resolved, workload: Sequence[Task], strategy: str) -> Sample:
    run = runner.execute(Order(resolved=resolved, workload=workload, policy=strategy))
    if run.reason == INTERRUPTED:
        raise InterruptedRunError(f"{run.path} was interrupted")
    return sample_of(run)


MEASURES: Mapping[str, Measure] = {SIM: _simulated, TWIN: _twin, TESTBED: _live}


def sample_of(run: reader.RecordedRun) -> Sample:
    """The sample of a recorded run."""
    audit = audit_of(run)
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


def doubts(runs: Sequence[reader.RecordedRun]) -> list[str]:
    """What keeps a run from being compared as a whole one, a line each: its early end, tasks nobody accounts for."""
    lines = []
    for run in runs:
        audit = audit_of(run)
        if run.reason:
            lines.append(f"{run.name} did not come to its end ({run.reason}): it is compared as far as it came")
        if audit.unaccounted:
            lines.append(f"{run.name}: {audit.unaccounted} tasks are unaccounted for ({audit.problems[0]})")
    return lines


def compared(runs: Sequence[reader.RecordedRun]) -> comparison.Comparison:
    """Recorded runs compared with each other; raises `UsageError` for runs without a common workload."""
    samples = of_runs(runs)
    if not set.intersection(*(set(workloads) for workloads in samples.values())):
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
