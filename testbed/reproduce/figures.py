"""The figures of the paper's kinds, from results (pure): lines with intervals over seeds, and their data."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from testbed.analysis import convergence, dips
from testbed.model.human import MB
from testbed.model.statistics import mean
from testbed.reproduce.results import Results
from testbed.reproduce.studies import A3C, A3C_DO, BASE, DQN, DQN_DO, EXPLORING, LC, OUR_REGION, VARIANTS, Study
from testbed.reproduce.study_figure import ON_PROCESSES, FigureLine, StudyFigure, over_seeds, slug
from testbed.reproduce.units import COST_LEARNERS

_NAMES = {LC: "LC", DQN: "DQN", DQN_DO: "DQN-DO", A3C: "A3C", A3C_DO: "A3C-DO"}
UNFRAMED = ("delay_s", "reward")  # of LC, whose unstable backlogs would flatten all others
MOST_ROUNDS = 600
EPISODES, DENSITY = "episode", "task density"


def figures(claims: Iterable[int], results: Results) -> list[StudyFigure]:
    """The figures of ``claims``, in their order, and those of the check on processes if there was one."""
    return [*(figure for claim in claims for figure in DRAWN_OF[claim](results)), *_on_processes(results)]


def _curve(results: Results, study: Study, strategy: str, density: float, name: str) -> FigureLine:
    size = results.effort.block
    curves = [convergence.blocks(curve, size) for curve in results.rewards(study.name, strategy, density)]
    count = min(map(len, curves))
    x = [size * (n + 1) for n in range(count)]
    return over_seeds(name, x, [[curve[n] for curve in curves] for n in range(count)])


def _learning_curves(results: Results) -> Iterator[StudyFigure]:
    density = results.effort.curve_density
    for study in BASE:
        yield StudyFigure(
            claim=1,
            stem=f"1-reward-{slug(study.name)}",
            title=f"Reward per episode: {study.name}, density {density:g}",
            x_title=EPISODES,
            y_title="reward of an episode",
            lines=tuple(_curve(results, study, strategy, density, name) for strategy, name in _NAMES.items()),
        )


def _densities(results: Results) -> Iterator[StudyFigure]:
    for study in BASE:
        for strategy in (A3C_DO, A3C, DQN):
            yield StudyFigure(
                claim=2,
                stem=f"2-convergence-{slug(study.name)}-{strategy}",
                title=f"Convergence of {_NAMES[strategy]}: {study.name}",
                x_title=EPISODES,
                y_title="reward of an episode",
                lines=tuple(
                    _curve(results, study, strategy, density, f"density {density:g}")
                    for density in results.effort.densities
                ),
            )


def _is_framed(strategy: str, metric: str) -> bool:
    return strategy != LC or metric not in UNFRAMED


def _against_density(
    results: Results, study: Study, metric: str, strategies: Mapping[str, str]
) -> tuple[FigureLine, ...]:
    densities = results.densities(study)
    figures = []
    for strategy, name in strategies.items():
        columns = [results.metric(study.name, strategy, density, metric) for density in densities]
        if all(columns):
            figures.append(over_seeds(name, densities, columns, framed=_is_framed(strategy, metric)))
    return tuple(figures)


def _of_metric(
    results: Results, claim: int, metric: str, y_title: str, studies: Sequence[Study]
) -> Iterator[StudyFigure]:
    for study in studies:
        yield StudyFigure(
            claim=claim,
            stem=f"{claim}-{slug(metric.removesuffix('_s').removesuffix('_j'))}-{slug(study.name)}",
            title=f"{y_title[0].upper()}{y_title[1:]} against density: {study.name}",
            x_title=DENSITY,
            y_title=y_title,
            lines=_against_density(results, study, metric, _NAMES),
        )


def _delay_and_reward(results: Results) -> Iterator[StudyFigure]:
    yield from _of_metric(results, 3, "delay_s", "mean delay of a task, s", BASE)
    yield from _of_metric(results, 3, "reward", "reward of a slot", BASE)
    yield StudyFigure(
        claim=3,
        stem="3-variants",
        title="What A3C-DO's delay depends on",
        x_title=DENSITY,
        y_title="mean delay of a task, s",
        lines=tuple(
            line
            for study in (OUR_REGION, *VARIANTS)
            for line in _against_density(results, study, "delay_s", {A3C_DO: study.varies or "as shipped"})
        ),
    )


def _energy(results: Results) -> Iterator[StudyFigure]:
    yield from _of_metric(results, 4, "energy_j", "mean energy of a task, J", BASE)


def _standard(values: Sequence[float]) -> tuple[float, ...]:
    """``values`` with mean 0 and standard deviation 1."""
    middle = mean(values)
    spread = math.sqrt(mean([(value - middle) ** 2 for value in values]))
    return tuple((value - middle) / spread if spread else 0.0 for value in values)


def _self_adjustment(results: Results) -> Iterator[StudyFigure]:
    density = results.effort.curve_density
    for study in EXPLORING:
        for strategy in (A3C, A3C_DO):
            log = results.logs(study.name, strategy, density)[0]
            begin = max(0, len(log["reward"]) - MOST_ROUNDS)
            late_dips = [dip for dip in dips.dips(log["reward"]) if dip.begin >= begin]
            columns = {"reward": "reward", "tasks offloaded": "offloaded", "energy": "energy_j"}
            x = tuple(log["episodes"][begin:])
            lines = [FigureLine(name=name, x=x, y=_standard(log[column][begin:])) for name, column in columns.items()]
            points = [n - begin for dip in late_dips for n in range(dip.begin, dip.end)]
            lines.append(
                FigureLine(
                    name="dips", x=tuple(x[n] for n in points), y=tuple(lines[0].y[n] for n in points), dots=True
                )
            )
            yield StudyFigure(
                claim=5,
                stem=f"5-adjustment-{slug(study.name)}-{strategy}",
                title=f"Self-adjustment of {_NAMES[strategy]}: {study.name}, density {density:g}, first seed",
                x_title=EPISODES,
                y_title="standard deviations from the mean",
                lines=tuple(lines),
            )


def _idle(results: Results) -> Iterator[StudyFigure]:
    yield from _servers(results, "utilisation", "utilisation of a server", {A3C: "A3C", A3C_DO: "A3C-DO"})
    yield from _servers(results, "idle_share", "share of slots idle while another is over", _NAMES)


def _servers(results: Results, metric: str, y_title: str, strategies: Mapping[str, str]) -> Iterator[StudyFigure]:
    for study in BASE:
        densities, lines = results.densities(study), []
        for strategy, name in strategies.items():
            by_density = [results.by_server(study.name, strategy, density, metric) for density in densities]
            if metric == "idle_share":
                lines.append(over_seeds(name, densities, [[mean(one) for one in seeds] for seeds in by_density]))
                continue
            for es in range(len(by_density[0][0])):
                columns = [[one[es] for one in seeds] for seeds in by_density]
                lines.append(over_seeds(f"{name}, es-{es + 1}", densities, columns))
        yield StudyFigure(
            claim=6,
            stem=f"6-{slug(metric)}-{slug(study.name)}",
            title=f"{y_title[0].upper()}{y_title[1:]}: {study.name}",
            x_title=DENSITY,
            y_title=y_title,
            lines=tuple(lines),
        )


def _cost(results: Results) -> Iterator[StudyFigure]:
    kinds = {
        "cpu": ("cpu_s", 1.0, "CPU time of a training, s"),
        "memory": ("grown_bytes", 1.0 / MB, "memory grown while training, MB"),
        "peak": ("peak_bytes", 1.0 / MB, "most memory of a training's process, MB"),
        "decision": ("decision_s", 1e3, "time of a cell's decisions, ms"),
    }
    for stem, (column, unit, title) in kinds.items():
        lines = []
        for strategy in COST_LEARNERS:
            values = tuple(unit * one[column] for one in results.costs(strategy))
            lines.append(FigureLine(name=_NAMES[strategy], x=tuple(float(n + 1) for n in range(len(values))), y=values))
        yield StudyFigure(
            claim=7,
            stem=f"7-{stem}-measured",
            title=title,
            x_title="training seed",
            y_title=title,
            lines=tuple(lines),
            timed=True,
        )


def _beyond(results: Results) -> Iterator[StudyFigure]:
    densities = results.effort.densities
    overheads = [results.hindsight(density) for density in densities]
    yield StudyFigure(
        claim=8,
        stem="8-hindsight",
        title=f"Distance from the best found in hindsight: {OUR_REGION.name}",
        x_title=DENSITY,
        y_title="mean overhead",
        lines=tuple(over_seeds(name, densities, [one[name] for one in overheads]) for name in overheads[0]),
    )


def _on_processes(results: Results) -> Iterator[StudyFigure]:
    """The twin's delays and energies, and as dots those of the same workloads on processes."""
    runs = results.live()
    densities = sorted({unit.density for unit, _ in runs})
    strategies = [name for name in _NAMES if any(unit.strategy == name for unit, _ in runs)]
    for metric, title in (("delay_s", "mean delay of a task, s"), ("energy_j", "mean energy of a task, J")):
        lines = []
        for strategy in strategies:
            for backend in ("twin", "testbed"):
                columns = [
                    [
                        float(cast(Mapping[str, float], document[backend])[metric])
                        for unit, document in runs
                        if (unit.strategy, unit.density) == (strategy, density)
                    ]
                    for density in densities
                ]
                name = f"{_NAMES[strategy]}, {backend}"
                framed, dots = _is_framed(strategy, metric), backend == "testbed"
                lines.append(over_seeds(name, densities, columns, framed=framed, dots=dots))
        if lines:
            yield StudyFigure(
                claim=ON_PROCESSES,
                stem=f"live-{slug(metric[:-2])}-measured",
                title=f"On processes and on the twin: {title}, {OUR_REGION.name}",
                x_title=DENSITY,
                y_title=title,
                lines=tuple(lines),
                timed=True,
            )


DRAWN_OF = {
    1: _learning_curves,
    2: _densities,
    3: _delay_and_reward,
    4: _energy,
    5: _self_adjustment,
    6: _idle,
    7: _cost,
    8: _beyond,
}
