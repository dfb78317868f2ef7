"""The Python interface, as ``import testbed`` offers it: load a scenario, run it, read a run, compare policies."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from testbed.analysis.comparison import Comparison
from testbed.analysis.comparison import compare as compare_samples
from testbed.analysis.document import to_json
from testbed.experiments import arguments, rounds, runner
from testbed.experiments.rounds import Rounds
from testbed.experiments.runner import Order
from testbed.model.errors import InvalidError, TestbedError, UsageError, did_you_mean
from testbed.policy import loading
from testbed.record import reader
from testbed.record.backends import BACKENDS, SIM
from testbed.record.writer import TABLES
from testbed.scenario.load import load_scenario as load
from testbed.scenario.parse import slots as fields_of
from testbed.scenario.schema import EmulationSection, Scenario
from testbed.trace import inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ("Comparison", "Run", "Scenario", "TestbedError", "compare", "load_scenario", "read_run", "run_scenario")
_DTYPES: dict[Any, str] = {int: "int64", float: "float64", bool: "bool", str: "object"}
ROWS = {name: row for row, name in TABLES.items()}
Source = Scenario | str | Path


class Run:
    """A recorded run. Its ``summary`` and ``columns`` are computed from what its directory holds at construction."""

    def __init__(self, recorded: reader.RecordedRun) -> None:
        self._recorded = recorded

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The directory of the run."""
        return self._recorded.path

    @property
    def name(self) -> str:
        """The run's name: that of its directory."""
        return self._recorded.name

    @property
    def policy(self) -> str:
        """The policy as it was asked for."""
        return self._recorded.policy

    @property
    def backend(self) -> str:
        """``testbed``, ``sim`` or ``twin``."""
        return self._recorded.backend

    @property
    def scenario(self) -> Scenario:
        """The scenario as it was run, hardware written out."""
        return self._recorded.resolved.scenario

    @property
    def tables(self) -> tuple[str, ...]:
        """The names that `columns` takes."""
        return tuple(ROWS)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What ``testbed report --json`` prints; None where nothing was measured. Units: docs/reference/record.md."""
        document: dict[str, Any] = json.loads(to_json(runner.summary_of(self._recorded)))
        return document

    def columns(self, table: str = "tasks") -> "dict[str, NDArray[Any]]":
        """A table of the record: an array of shape (rows,) for each column, by name.

        Whole numbers are int64, real ones float64, flags bool, texts Python strings. Instants and durations are
        nanoseconds of emulated time. ``tasks`` has one row for every generated task, failed ones included. Raises
        `TestbedError` for an unknown table.
        """
        import numpy as np

        from testbed.protocol.table import ColumnTable, Labels

        if arguments.text("table", table, "the name of a table") not in ROWS:
            raise UsageError(f'a record has no table "{table}"', did_you_mean(table, ROWS))
        rows = ColumnTable.of(
            ROWS[table], self._recorded.tasks if table == "tasks" else getattr(self._recorded.record, table)
        )
        arrays: dict[str, NDArray[Any]] = {}
        for field in msgspec.structs.fields(ROWS[table]):
            column = rows.column(field.name)
            listed = column.tolist() if isinstance(column, Labels) else column
            arrays[field.name] = np.array(listed, _DTYPES[field.type])
        return arrays


def load_scenario(source: str | Path, changes: Mapping[str, object] | None = None) -> Scenario:
    """A scenario from a file, a run's directory or the name of a shipped one.

    ``changes`` are what ``--set`` takes, like ``{"density": 0.9, "radio.bandwidth": "3 MHz"}``: quantities need units.
    Raises `TestbedError` with place and remedy for any mistake.
    """
    return load(arguments.place("source", source), arguments.changes({} if changes is None else changes))


def run_scenario(
    scenario: Source,
    policy: str = "greedy-do",
    *,
    backend: str = SIM,
    seed: int | None = None,
    slots: int | None = None,
    speed: float | None = None,
    out: str | Path | None = None,
) -> Run:
    """Run a scenario under a policy and read it back; the record stays in ``out`` (default: a new one below ``runs``).

    ``backend`` is ``sim``, ``twin`` or ``testbed``, which starts processes and lasts as long as the scenario divided by
    ``speed``. ``policy`` is what ``--policy`` takes. ``seed``, ``slots`` and ``speed`` replace those of the scenario.
    Raises `TestbedError`.
    """
    _known(backend)
    policy = arguments.policy(policy)
    changed = _changed(_loaded(scenario), seed, slots, speed)
    resolved = inputs.resolve(changed)
    workload = inputs.generate(resolved.scenario, resolved.system)
    return Run(
        runner.execute(
            Order(
                resolved=resolved,
                workload=workload,
                policy=policy,
                backend=backend,
                out=None if out is None else str(arguments.place("out", out)),
            )
        )
    )


def read_run(run: str | Path) -> Run:
    """A run given by its directory or by its name below ``runs``; raises `TestbedError` if there is none."""
    return Run(reader.read_run(arguments.place("run", run)))


def compare(
    what: Source | Sequence[Run | str | Path],
    policies: Sequence[str] | None = None,
    *,
    seeds: int = 10,
    backend: str = SIM,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Compare ``policies`` on ``seeds`` workloads of one scenario, or recorded runs with each other.

    The result has ``policies``, by name, and ``pairs``, as docs/reference/comparison.md explains them;
    with one workload the bounds of intervals are NaN. ``progress`` is told what is being played. Raises `TestbedError`.
    """
    if isinstance(what, Sequence) and not isinstance(what, str):
        if policies is not None:
            raise UsageError("runs have the policies that they were run under", "leave out policies")
        if not what:
            raise UsageError("no runs to compare", "give two or more")
        return rounds.compared([(one if isinstance(one, Run) else read_run(one))._recorded for one in what])
    _known(backend)
    names, seeds = arguments.policies(policies), arguments.workloads(seeds)
    scenario = _loaded(what)
    names = [loading.with_network(name, scenario.name)[0] for name in names]
    played = Rounds(names, backend, progress or (lambda text: None))
    played.play(scenario, range(scenario.seed, scenario.seed + seeds))
    return compare_samples(played.samples)


def _known(backend: str) -> None:
    if arguments.text("backend", backend, "a name") not in BACKENDS:
        raise UsageError(f'unknown backend "{backend}"', did_you_mean(backend, BACKENDS))


def _loaded(scenario: Source) -> Scenario:
    return scenario if isinstance(scenario, Scenario) else load(arguments.place("scenario", scenario))


def _changed(scenario: Scenario, seed: int | None, slots: int | None, speed: float | None) -> Scenario:
    """The scenario with the given values, each checked as its field of a file would be."""
    values = {name: value for name, value in (("seed", seed), ("slots", slots)) if value is not None}
    changed = {name: _parsed(Scenario, name, value) for name, value in values.items()}
    if speed is not None:
        sped = msgspec.structs.replace(scenario.emulation, speed=_parsed(EmulationSection, "speed", speed))
        changed["emulation"] = sped
    return msgspec.structs.replace(scenario, **changed)


def _parsed(section: type[msgspec.Struct], name: str, value: float) -> object:
    try:
        return fields_of(section)[name].scalar.parse(str(value))
    except InvalidError as error:
        raise UsageError(f"{name}={value}: {error.message}", error.remedy) from None
