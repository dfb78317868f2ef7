"""Training of ``a3c`` and ``dqn`` for a scenario: the learner's config, whom it has to beat, and where it is kept."""

import contextlib
import hashlib
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from controller.learn import curves
from controller.learn.evaluate import MOST_A_SLOT
from controller.learn.family import FamilyEvaluator, family_config
from controller.learn.learner import TrainConfig
from controller.learn.options import optioned
from controller.learn.train import OUT_OF_TIME, Budget, Evaluator, Report, Trainer
from testbed.experiments import family, tune
from testbed.experiments.family import Member
from testbed.experiments.rounds import Rounds
from testbed.live.interrupts import stop_on_interrupt
from testbed.model.errors import StartError, UsageError
from testbed.model.human import size
from testbed.model.statistics import mean
from testbed.model.system import System
from testbed.model.targets import ANY_SUFFIX, chooses_target
from testbed.model.task import INTERRUPTED
from testbed.node import limits
from testbed.policy import checkpoint, network
from testbed.policy.loading import DOUBLE, parts, trained
from testbed.record.backends import TWIN
from testbed.scenario.dump import dump
from testbed.scenario.schema import Scenario
from testbed.trace import inputs
from testbed.twin import build, refusals
from testbed.twin.state import TASK
from testbed.workers.build import versions

ALGORITHMS = ("a3c", "dqn")
_SEEDS, FAMILY_SEEDS, USUAL_RATE = tune.SEEDS, 4, {"a3c": 200, "dqn": 50}
_HEURISTICS, _CHOOSING = ("lc", "offload", "random", "greedy"), ("greedy", "jsq", "po2")
TUNING = 0.5  # about the share of the time for baselines that goes into tuning one
Say = Callable[[str], None]
Observer = Callable[[Report], None]


class TrainingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to train and how long; ``seed`` selects training and validation workloads and the first parameters.

    Observation, reward and team are the scenario's agent's; ``options``: see `controller.learn.options`. With a
    ``family`` the network is trained and judged in its scenarios instead. ``start`` is the checkpoint of another
    training whose network it goes on from, "" for fresh parameters.
    """

    scenario: Scenario
    algorithm: str
    seed: int
    budget: Budget
    folder: Path
    head: str = "sequential"
    resume: bool = False
    options: tuple[str, ...] = ()
    family: tuple[Member, ...] = ()
    start: str = ""

    @property
    def double(self) -> bool:
        """Whether second offload is on."""
        return self.algorithm.endswith(DOUBLE) or self.chosen_target

    @property
    def chosen_target(self) -> bool:
        """Whether the agent chooses the target of second offload."""
        return chooses_target(self.algorithm)

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / f"{self.policy}.npz"

    @property
    def policy(self) -> str:
        """What the trained policy is called."""
        return trained(self.algorithm, self.head)


class Baseline(msgspec.Struct, frozen=True):
    """The stable untrained strategy of least mean ``overhead`` on the validation workloads; "" if none is stable."""

    policy: str = ""
    overhead: float = float("nan")


class TrainingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What training came to; ``checkpoint`` is "" if no evaluation was reached, ``ended`` as `Trainer.run` says."""

    checkpoint: str
    algorithm: str
    overhead: float
    baseline: Baseline
    ended: str
    seconds: float
    updates: int
    updates_per_s: float
    policy_lag: float
    slots: int
    seed: int
    workers: int
    validation_seeds: tuple[int, ...]


class Training:
    """One training run, ready to go. Raises `TestbedError` for what cannot be trained or resumed."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
        scenario = msgspec.structs.replace(job.scenario, faults=())
        resolved = inputs.resolve(scenario)
        system = resolved.plan((), job.policy, second_offload=job.double, live=False).system
        endless, finite = (build.generator(scenario, system, endless=endless) for endless in (True, False))
        refusals.refuse(system)
        self.shares: FamilyEvaluator | None = None
        base = parts(job.algorithm)[0]
        updates = job.budget.updates or max(1, round(USUAL_RATE[base] * job.budget.seconds))
        config = TrainConfig(
            system=system,
            source=endless,
            double=job.double,
            algorithm=base,
            head=_head(job),
            observation=scenario.agent.observation,
            reward=scenario.agent.reward,
            team=scenario.agent.team,
            seed=job.seed,
            updates=updates,
        )
        config = optioned(config, job.options)
        self.seeds = tune.training_seeds(job.seed, _SEEDS)
        self._evaluator = Evaluator(config, finite, list(self.seeds))
        systems = [system]
        if job.family:
            self._members = tuple(zip((one.title for one in job.family), family.scenarios_of(job.family), strict=True))
            places = (
                family.place_of(*one, turns=member.turns) for one, member in zip(self._members, job.family, strict=True)
            )
            config = family_config(config, tuple(places))
            self.seeds = tune.training_seeds(job.seed, FAMILY_SEEDS)
            self._evaluator = self.shares = FamilyEvaluator(config, self.seeds)
            systems = [one.system for one in config.family]
        _must_fit(config, job.budget.workers, systems)
        start = checkpoint.to_go_on_from(Path(job.start), config.about, len(config.start)) if job.start else None
        about = _about(job, config) | {"start": _digest(start.tobytes()) if start is not None else ""}
        self._trainer = Trainer(config, job.budget, self._evaluator, job.path, about, resume=job.resume, start=start)
        known = str(self._trainer.header.get("curve", ""))
        self._curve = Path(known).name or curves.fresh(job.folder, job.policy)
        self._trainer.about["curve"] = self._curve

    def baseline(self, progress: tune.TuneProgress = lambda text, share: None) -> Baseline:
        """Tune ``priced`` and play it and the other heuristics on the validation workloads, on the twin.

        ``progress`` hears what is done, and the share of it that is over.
        """
        job, suffix = self.job, ANY_SUFFIX if self.job.chosen_target else DOUBLE if self.job.double else ""
        if job.family:
            return self._family_baseline(f"priced{suffix}", progress)

        heuristics = _CHOOSING if job.chosen_target else _HEURISTICS
        begun, whole = itertools.count(), len(self.seeds) * (len(heuristics) + 1)

        def tuning(text: str, share: float) -> None:
            progress(text, TUNING * share)

        def playing(text: str) -> None:
            progress(text, TUNING + (1.0 - TUNING) * next(begun) / whole)

        tuned = tune.tune(job.scenario, f"priced{suffix}", job.seed, tuning, _SEEDS)
        rounds = Rounds([name + suffix for name in heuristics], TWIN, playing)
        rounds.add(f"priced{suffix}", tune.policy_of(tuned.policy, tuple(tuned.values.values())), double=job.double)
        rounds.play(msgspec.structs.replace(job.scenario, faults=()), self.seeds)
        means = {
            name: mean([one.overhead for one in by_seed.values() if math.isfinite(one.overhead)])
            for name, by_seed in rounds.samples.items()
            if all(one.stable for one in by_seed.values())
        }
        return min(
            (Baseline(name, value) for name, value in means.items()), key=lambda one: one.overhead, default=Baseline()
        )

    def _family_baseline(self, policy: str, progress: tune.TuneProgress) -> Baseline:
        """``policy`` tuned for each scenario of the family; what it reaches there is the share 1."""
        assert self.shares is not None
        self.shares.baselines[:] = family.baselines(self._members, policy, self.job.seed, len(self.seeds), progress)
        return Baseline(policy, 1.0)

    def run(self, baseline: Baseline, show: Observer, say: Say) -> TrainingResult:
        """Train to the end, or until interrupted; the checkpoint holds the best parameters of all evaluations.

        Raises `StartError` if time was too short for a single update, or if the checkpoint cannot be written.
        """
        job, reports = self.job, []

        def note(report: Report) -> None:
            reports.append(report)
            curve(report)
            show(report)

        try:
            with (
                contextlib.closing(curves.Curve(job.folder, self._curve, say)) as curve,
                stop_on_interrupt(self._trainer.stop),
            ):
                ended = self._trainer.run(note, say)
        except KeyboardInterrupt:
            ended = INTERRUPTED
        if not reports and ended == OUT_OF_TIME:
            raise StartError(f"nothing was learned in {job.budget.seconds:g} s", "train for longer, like --wall 60s")
        last = (
            reports[-1]
            if reports
            else Report(
                seconds=0.0,
                updates=0,
                rate=0.0,
                lag=0.0,
                slots=0,
                overhead=float("nan"),
                best=float("nan"),
                entropy=0.0,
                reward=0.0,
            )
        )
        return TrainingResult(
            checkpoint=str(job.path) if reports else "",
            algorithm=job.algorithm,
            overhead=last.best,
            baseline=baseline,
            ended=ended,
            seconds=last.seconds,
            updates=last.updates,
            updates_per_s=last.rate,
            policy_lag=last.lag,
            slots=last.slots,
            seed=job.seed,
            workers=job.budget.workers,
            validation_seeds=self.seeds,
        )


def _about(job: TrainingJob, config: TrainConfig) -> dict[str, Any]:
    """What a checkpoint says of its training; resuming demands the same but for `testbed.policy.checkpoint.FREE`."""
    text = dump(msgspec.structs.replace(job.scenario, faults=()))
    return {
        **config.about,
        "scenario": yaml.safe_load(text),
        "scenario_hash": _digest(text.encode()),
        "updates": job.budget.updates or "by time",
        "family": [msgspec.to_builtins(member) for member in job.family],
        "versions": versions(),
    }


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _head(job: TrainingJob) -> str:
    """The head by which the job's network decides. Raises `UsageError` for one that cannot choose targets, or does so
    alone."""
    if job.head in network.CHOOSING.values():
        raise UsageError(f"--head {job.head}: that is how a3c{ANY_SUFFIX} decides", f"--algorithm a3c{ANY_SUFFIX}")
    if job.chosen_target and job.head not in network.CHOOSING:
        known = " and ".join(network.CHOOSING)
        raise UsageError(f"--head {job.head}: {job.algorithm} cannot choose targets so", f"{known} can")
    return network.CHOOSING[job.head] if job.chosen_target else job.head


def _must_fit(config: TrainConfig, workers: int, systems: Sequence[System]) -> None:
    """Raise `UsageError` for a training that takes more memory than this host has, even by the least estimate."""
    judged = max(_SEEDS * MOST_A_SLOT * len(one.ues) * one.slots for one in systems) * TASK.itemsize
    needed, there = workers * config.nbytes + judged, limits.total_memory()
    if needed > there:
        why = f"this training needs at least {size(needed)} of memory, and this host has {size(there)}"
        raise UsageError(why, "make it smaller: --option worlds, slots or capacity, --slots, --workers")
