"""Results of units, looked up by study, strategy and density (pure)."""

from collections.abc import Mapping
from typing import cast

from testbed.analysis import convergence
from testbed.model.statistics import mean
from testbed.reproduce.effort import Effort
from testbed.reproduce.studies import EXPLORING, STUDIES, Study, episodes_of
from testbed.reproduce.units import BOUND, COST, LIVE, PLAY, TRAIN, Unit

Log = Mapping[str, list[float]]
Document = Mapping[str, object]


class Results:
    """The documents of units, by seed in ascending order."""

    def __init__(self, documents: Mapping[Unit, Document], effort: Effort) -> None:
        self._documents, self.effort = dict(documents), effort

    def _of(self, kind: str, study: str, strategy: str, density: float) -> list[Document]:
        units = [
            unit
            for unit in self._documents
            if (unit.kind, unit.study, unit.strategy, unit.density) == (kind, study, strategy, density)
        ]
        return [self._documents[unit] for unit in sorted(units, key=lambda unit: unit.seed)]

    def _either(self, study: str, strategy: str, density: float) -> list[Document]:
        """Trained or, for a heuristic, played."""
        return self._of(TRAIN, study, strategy, density) or self._of(PLAY, study, strategy, density)

    def _evaluated(self, study: str, strategy: str, density: float) -> list[Document]:
        """As `_either`; a heuristic is the same whatever its seed, and was evaluated on the same workloads."""
        return self._of(TRAIN, study, strategy, density) or self._of(PLAY, study, strategy, density)[:1]

    def logs(self, study: str, strategy: str, density: float) -> list[Log]:
        """What was earned in each round of episodes, by seed."""
        return [cast(Log, one["log"]) for one in self._either(study, strategy, density)]

    def rewards(self, study: str, strategy: str, density: float) -> list[list[float]]:
        """The reward of each episode, by seed."""
        episodes = episodes_of(STUDIES[study], self.effort)
        return [
            convergence.per_episode(log["episodes"], log["reward"], episodes)
            for log in self.logs(study, strategy, density)
        ]

    def metric(self, study: str, strategy: str, density: float, name: str) -> list[float]:
        """The mean over evaluation workloads, by training seed."""
        measures = [cast(dict[str, list[float]], one["measured"]) for one in self._evaluated(study, strategy, density)]
        return [mean([float(value) for value in one[name]]) for one in measures]

    def by_server(self, study: str, strategy: str, density: float, name: str) -> list[list[float]]:
        """Means over evaluation workloads for each ES, by training seed."""
        measures = [
            cast(dict[str, list[list[float]]], one["measured"]) for one in self._evaluated(study, strategy, density)
        ]
        return [[mean(list(column)) for column in zip(*one[name], strict=True)] for one in measures]

    def costs(self, strategy: str) -> list[Mapping[str, float]]:
        """CPU time, memory and decision time of a learner, by seed."""
        units = sorted(
            (unit for unit in self._documents if unit.kind == COST and unit.strategy == strategy),
            key=lambda unit: unit.seed,
        )
        return [cast(Mapping[str, float], self._documents[unit]) for unit in units]

    def hindsight(self, density: float) -> Mapping[str, list[float]]:
        """Mean overheads by workload: best found, lower bound and strategies; empty if there was no search."""
        bounds = [one for unit, one in self._documents.items() if unit.kind == BOUND and unit.density == density]
        return cast(Mapping[str, list[float]], bounds[0]["overhead"]) if bounds else {}

    def live(self) -> list[tuple[Unit, Document]]:
        """The runs on processes, by density, strategy and seed."""
        units = sorted(
            (unit for unit in self._documents if unit.kind == LIVE),
            key=lambda unit: (unit.density, unit.strategy, unit.seed),
        )
        return [(unit, self._documents[unit]) for unit in units]

    def densities(self, study: Study) -> tuple[float, ...]:
        """The densities that a study was trained at."""
        if study in EXPLORING:
            return (self.effort.curve_density,)
        return self.effort.variant_densities if study.varies else self.effort.densities
