"""A reproduction from its form to its files: units that are missing, figures, verdicts, the page."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from testbed.analysis.document import to_json
from testbed.record.files import keep
from testbed.reproduce import claims, drawing, figures, pool, store
from testbed.reproduce.document import ReproductionDocument, how, live_points
from testbed.reproduce.effort import Effort
from testbed.reproduce.page import page
from testbed.reproduce.results import Results
from testbed.reproduce.units import Unit, needed
from testbed.workers.seam import Stopped

WORK_SHARE = 0.95  # of the time that a whole reproduction takes, about: the rest is drawing
PAGE, _VERDICTS = "reproduce.html", "verdicts.json"
QUICK = Effort(
    name="quick",
    faithful_episodes=800,
    our_episodes=800,
    seeds=3,
    densities=(0.3, 0.6, 0.9),
    variant_densities=(0.3, 0.9),
    block=20,
    evaluation_slots=2000,
    bound_slots=30,
    bound_workloads=2,
    bound_evaluations=30_000,
    cost_episodes=400,
    live_slots=40,
    live_seeds=1,
    live_speed=4.0,
)
FULL = Effort(
    name="full",
    faithful_episodes=3000,
    our_episodes=6000,
    seeds=5,
    densities=(0.3, 0.5, 0.7, 0.9),
    variant_densities=(0.3, 0.5, 0.9),
    block=100,
    evaluation_slots=5000,
    bound_slots=50,
    bound_workloads=5,
    bound_evaluations=200_000,
    cost_episodes=2000,
    live_slots=100,
    live_seeds=3,
    live_speed=10.0,
)


class Reproduction:
    """``chosen`` claims by the form ``effort``, in ``folder``; with ``live`` the check on processes too."""

    def __init__(self, chosen: Sequence[int], effort: Effort, folder: Path, command: str, *, live: bool) -> None:
        self._chosen, self._effort, self._folder, self._command = tuple(chosen), effort, folder, command
        self.units = needed(chosen, effort, live=live)

    def missing(self) -> list[Unit]:
        """The units without result."""
        return pool.missing(self.units, self._effort, self._folder)

    def carry_out(self, workers: int, observe: pool.Told, stopped: Stopped, cluster: str | None = None) -> bool:
        """Carry out what is missing; see `testbed.reproduce.pool.carry_out`."""

        def telling(text: str, share: float) -> None:
            observe(text, WORK_SHARE * share)

        return pool.carry_out(self.missing(), self._effort, self._folder, workers, telling, stopped, cluster)

    def write(self, observe: pool.Told) -> ReproductionDocument:
        """Evaluate claims, draw figures and write all files.

        Raises `StartError`, and `MissingPackageError` without matplotlib.
        """
        documents = {unit: store.read(self._folder, unit, self._effort) for unit in self.units}
        results = Results({unit: one for unit, one in documents.items() if one is not None}, self._effort)
        observe("judging claims", WORK_SHARE)
        document = ReproductionDocument(
            form=self._effort.name,
            command=self._command,
            how=how(self._effort),
            claims=claims.evaluate(self._chosen, results),
            live=live_points(results),
        )
        drawn = figures.figures(self._chosen, results)
        for n, figure in enumerate(drawn):
            observe(f"drawing {figure.stem}", WORK_SHARE + (1.0 - WORK_SHARE) * n / len(drawn))
            drawing.save(figure, self._folder)
        keep(self._folder / PAGE, page(document, drawn).encode())
        keep(self._folder / _VERDICTS, f"{to_json(document)}\n".encode())
        return document


def with_seeds(effort: Effort, seeds: int) -> Effort:
    """``effort`` with another number of training seeds."""
    return msgspec.structs.replace(effort, seeds=seeds)
