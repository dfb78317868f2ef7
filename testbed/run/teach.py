"""Training of ``a3c`` and ``dqn`` for a scenario: the learner's course, whom it has to beat, and where it is kept."""

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from controller.learner import Course
from controller.options import optioned
from controller.train import INTERRUPTED, Budget, Judge, Report, Trainer
from testbed.model.dump import dump
from testbed.model.schema import Scenario
from testbed.run import tune
from testbed.run.interrupt import stop_on_interrupt
from testbed.run.rounds import Rounds
from testbed.run.session import versions
from testbed.run.virtual import TWIN
from testbed.trace import inputs
from testbed.twin import build

ALGORITHMS = ("a3c", "dqn")
SEEDS, EVENTS, USUAL_RATE = 8, "tensorboard", {"a3c": 200, "dqn": 50}
HEURISTICS = ("lc", "offload", "random", "greedy")
Say = Callable[[str], None]
Observer = Callable[[Report], None]


class Lesson(msgspec.Struct, frozen=True):
    """What to train and how long; ``seed`` selects training and validation workloads and the first parameters.

    Observation, reward and team are the scenario's agent's; ``options``: see `controller.options`.
    """

    scenario: Scenario
    algorithm: str
    seed: int
    budget: Budget
    folder: Path
    head: str = "sequential"
    resume: bool = False
    options: tuple[str, ...] = ()

    @property
    def double(self) -> bool:
        """Whether second offload is on."""
        return self.algorithm.endswith(tune.DOUBLE)

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / f"{self.algorithm}.npz"


class Baseline(msgspec.Struct, frozen=True):
    """The stable untrained strategy of least mean ``overhead`` on the validation workloads; "" if none is stable."""

    policy: str = ""
    overhead: float = float("nan")


class Taught(msgspec.Struct, frozen=True):
    """What training came to; ``ended`` is "time", "updates", "plateau" or "interrupted"."""

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


class Teaching:
    """One training run, ready to go. Raises `TestbedError` for what cannot be trained or resumed."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        scenario = msgspec.structs.replace(lesson.scenario, faults=())
        system = inputs.resolve(scenario).system
        endless, finite = (build.generator(scenario, system, endless) for endless in (True, False))
        build.refuse(system)
        base = lesson.algorithm.removesuffix(tune.DOUBLE)
        updates = lesson.budget.updates or max(1, round(USUAL_RATE[base] * lesson.budget.seconds))
        course = Course(
            system, endless, lesson.double, base, lesson.head, scenario.agent.observation, scenario.agent.reward,
            scenario.agent.team, seed=lesson.seed, updates=updates,
        )  # fmt: skip
        course = optioned(course, lesson.options)
        self.seeds = tune.training_seeds(lesson.seed, SEEDS)
        self._judge = Judge(course, finite, list(self.seeds))
        self._trainer = Trainer(course, lesson.budget, self._judge, lesson.path, _about(lesson, course), lesson.resume)

    def baseline(self) -> Baseline:
        """Tune ``priced`` and play it and the other heuristics on the validation workloads, on the twin."""
        lesson, suffix = self.lesson, tune.DOUBLE if self.lesson.double else ""
        tuned = tune.tune(lesson.scenario, f"priced{suffix}", lesson.seed, lambda text: None, SEEDS)
        rounds = Rounds([name + suffix for name in HEURISTICS], TWIN, lambda text: None)
        rounds.add(f"priced{suffix}", tune.policy_of(tuned.policy, tuple(tuned.values.values())), lesson.double)
        rounds.play(msgspec.structs.replace(lesson.scenario, faults=()), self.seeds)
        means = {
            name: sum(one.overhead for one in found.values()) / len(found)
            for name, found in rounds.samples.items()
            if all(one.stable for one in found.values())
        }
        return min(
            (Baseline(name, mean) for name, mean in means.items()), key=lambda one: one.overhead, default=Baseline()
        )

    def run(self, baseline: Baseline, show: Observer, say: Say) -> Taught:
        """Train to the end, or until interrupted; the checkpoint holds the best parameters of all verdicts."""
        lesson, reports, write = self.lesson, [], events(self.lesson, say)

        def note(report: Report) -> None:
            reports.append(report)
            write(report)
            show(report)

        try:
            with stop_on_interrupt(self._trainer.stop):
                ended = self._trainer.run(note)
        except KeyboardInterrupt:
            ended = INTERRUPTED
        last = reports[-1] if reports else Report(0.0, 0, 0.0, 0.0, 0, float("nan"), float("nan"), 0.0, 0.0)
        return Taught(
            str(lesson.path), lesson.algorithm, last.best, baseline, ended, last.seconds, last.updates, last.rate,
            last.lag, last.slots, lesson.seed, lesson.budget.workers, self.seeds,
        )  # fmt: skip


def _about(lesson: Lesson, course: Course) -> dict[str, Any]:
    """What a checkpoint says of its training; resuming demands the same but for versions."""
    scenario = lesson.scenario
    text = dump(msgspec.structs.replace(scenario, name="", faults=()))
    return {
        **course.about, "scenario": scenario.name, "scenario_hash": hashlib.sha256(text.encode()).hexdigest()[:16],
        "updates": lesson.budget.updates or "by time", "versions": versions(),
    }  # fmt: skip


def events(lesson: Lesson, say: Say) -> Observer:
    """What writes TensorBoard event files beside the checkpoint; without tensorboard, it says so and writes none."""
    if importlib.util.find_spec("tensorboard") is None:
        say("no TensorBoard files: tensorboard is not installed")
        return lambda report: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(lesson.folder / EVENTS / lesson.algorithm))

    def write(report: Report) -> None:
        for name in ("overhead", "best", "rate", "lag", "entropy", "reward"):
            writer.add_scalar(name, getattr(report, name), report.updates)
        writer.flush()

    return write
