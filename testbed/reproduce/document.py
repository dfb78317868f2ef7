"""What a reproduction found, as a document: the form, how it was made, the verdicts, the points on processes (pure)."""

from typing import cast

import msgspec

from testbed.reproduce.effort import Effort
from testbed.reproduce.judgement import JudgedClaim
from testbed.reproduce.results import Results
from testbed.reproduce.studies import EPISODE_SLOTS, T_MAX

USUAL_UPDATES, USUAL_WORLDS = 12_000, 8  # of `controller.learn.learner.TrainConfig`


class LivePoint(msgspec.Struct, frozen=True, kw_only=True):
    """A run on processes with its grade; delay and energy there and on the twin."""

    density: float
    strategy: str
    seed: int
    grade: str
    delay_s: tuple[float, float]
    energy_j: tuple[float, float]


class ReproductionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The whole: ``form`` is quick or full, ``command`` makes it again, ``how`` tells budgets and conventions."""

    form: str
    command: str
    how: list[str]
    claims: list[JudgedClaim]
    live: list[LivePoint]


def how(effort: Effort) -> list[str]:
    """Budgets and conventions, in sentences."""
    updates = round(effort.our_episodes * EPISODE_SLOTS / (T_MAX * USUAL_WORLDS))
    seeds, densities = f"{effort.seeds} seeds", ", ".join(f"{density:g}" for density in effort.densities)
    return [
        f"Form {effort.name}: {seeds}, densities {densities}; {effort.faithful_episodes} episodes of 50 slots for every"
        f" training of the setting faithful, {effort.our_episodes} of ours, each evaluated on {effort.evaluation_slots}"
        " slots that nobody trained on. No training is left out, and the last parameters count, not the best ones.",
        "faithful: the paper's observation (queues, burden signal, target), its reward, A3C with the joint head, t_max"
        " 20, γ 0.99, R = 0 at the end of an episode, which begins with empty queues; networks begin knowing nothing;"
        " A3C acts by drawing from its policy, and four worlds side by side stand for its workers. Rewards are paid"
        " when a task ends: tasks that have not ended with the episode count in evaluations only.",
        "ours: the defaults of testbed train; worlds run on, networks begin as a soft greedy. Its trainings are short:"
        f" {updates:,} updates of A3C, where testbed train makes {USUAL_UPDATES:,}.",
        "DQN runs in the paper's framework, one network shared by all UEs; -do is with second offload, without it none."
        " It takes as many gradients an episode as A3C in the setting faithful, four times as many in ours.",
        "A statement is shown when its 95 % interval over training seeds (Student's t) lies where the claim says,"
        " refuted when it lies elsewhere. A claim holds in a case if all of its statements are shown there.",
    ]


def live_points(results: Results) -> list[LivePoint]:
    """The runs on processes beside the twin's."""
    points = []
    for unit, run in results.live():
        there, twin = (cast(dict[str, float], run[name]) for name in ("testbed", "twin"))
        points.append(
            LivePoint(
                density=unit.density,
                strategy=unit.strategy,
                seed=unit.seed,
                grade=str(run["grade"]),
                delay_s=(there["delay_s"], twin["delay_s"]),
                energy_j=(there["energy_j"], twin["energy_j"]),
            )
        )
    return points
