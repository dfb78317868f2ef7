"""What an environment plays on: the twin or running processes, slot by slot."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from testbed.gym import options as check
from testbed.gym.config import EnvironmentConfig, backlog_ns
from testbed.model.errors import ScenarioError
from testbed.model.mdp import CellView
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.build import Source
from testbed.twin.state import FRESH, NONE, UE_LISTS, WORLD
from testbed.twin.twin import OBSERVATIONS, TASKS_PER_UE, Twin
from testbed.twin.views import cell_view

CELL_COUNTS = ("decided", "offloaded", "forwarded", "rejected", "finished", "hits")
SLOT, INSIDE = (WORLD.names.index(name) for name in ("slot", "inside"))  # type: ignore[union-attr]
Totals = tuple[int, int, int, int, int, int, int, float, float, float, float, float]
_NOTHING: Totals = (0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Backend(Protocol):
    """One episode after another of one region.

    ``cells`` (M,) of `testbed.twin.state.CELL` tells what each cell earned in the step just made, and ``totals`` their
    sums; ``fallback`` (M,) how many of its tasks the fallback decided, ``lag_ns`` (M,) how much later than they should
    have its tasks really ended. ``missed`` counts the slots for which no answer came in time.
    """

    fallback: NDArray[np.int64]
    lag_ns: NDArray[np.int64]
    missed: int

    @property
    def actions(self) -> int:
        """How many actions a UE has."""

    @property
    def cells(self) -> NDArray[np.void]:
        """What each cell earned, (M,)."""

    @property
    def totals(self) -> Totals:
        """What the region earned: the fields of `testbed.twin.state.CELL`."""

    @property
    def measured(self) -> tuple[int, float]:
        """The sums of ``fallback`` and of ``lag_ns``, the latter in seconds."""

    @property
    def slot(self) -> int:
        """The slot about to be decided."""

    @property
    def inside(self) -> int:
        """Tasks in the system."""

    @property
    def can_offload(self) -> NDArray[np.bool_]:
        """Which UEs have undecided tasks and, as far as is known, reach their edge server, (N,)."""

    def views(self) -> list[CellView]:
        """What the agents see, as the model's own structs, a cell each."""

    def reset(self, seed: int) -> None:
        """Begin the workload of ``seed`` at slot 0."""

    def step(self, choices: NDArray[np.int8]) -> None:
        """Play a slot with ``choices`` (N,), and whatever slots went by meanwhile."""

    def observe(self) -> NDArray[np.float32]:
        """What the agents see before they decide, (L,), the caller's to keep."""

    def close(self) -> None:
        """Release everything; may be called again."""


class TwinBackend:
    """The compiled twin, one world."""

    missed = 0
    measured = (0, 0.0)

    def __init__(self, config: EnvironmentConfig, backlog_s: float = 0.0, capacity: int | None = None) -> None:
        self._kind, self._code = config.observation, OBSERVATIONS[config.observation]
        self._twin = worlds(config, 1, capacity)
        self._ues, self.actions = len(config.system.ues), config.system.actions
        self._backlog_ns = backlog_ns(backlog_s)
        self._seen = np.zeros((1, 0), np.float32)
        self.totals = _NOTHING
        self.slot = self.inside = 0
        self.fallback, self.lag_ns = np.zeros((2, len(config.system.edge_servers)), np.int64)

    @property
    def cells(self) -> NDArray[np.void]:
        """See `Backend`."""
        cells: NDArray[np.void] = self._twin.cells[0]
        return cells

    @property
    def can_offload(self) -> NDArray[np.bool_]:
        """See `Backend`; here nothing is ever cut off, nor dead."""
        present: NDArray[np.bool_] = undecided(self._twin)[0]
        return present

    def _count(self) -> None:
        status = self._twin.state.status.item()
        self.slot, self.inside = status[SLOT], status[INSIDE]

    def views(self) -> list[CellView]:
        """See `Backend`."""
        return [cell_view(self._twin, 0, cell) for cell in range(len(self._twin.system.edge_servers))]

    def reset(self, seed: int) -> None:
        """See `Backend`."""
        self._twin.reset(seed, backlog_ns=self._backlog_ns)
        self._seen = self._twin.observe(self._kind).copy()
        self.totals = _NOTHING
        self._count()

    def step(self, choices: NDArray[np.int8]) -> None:
        """See `Backend`."""
        seen = np.empty_like(self._seen)
        self.totals = self._twin.turn_checked(choices[None, None], self._code, seen).item()
        self._seen = seen
        self._count()

    def observe(self) -> NDArray[np.float32]:
        """See `Backend`."""
        seen: NDArray[np.float32] = self._seen[0]
        return seen

    def close(self) -> None:
        """Do nothing: the twin holds no process, file or socket."""


def undecided(twin: Twin) -> NDArray[np.bool_]:
    """Which UEs of every world have undecided tasks, (W, N)."""
    lists = len(twin.system.ues) * UE_LISTS
    present: NDArray[np.bool_] = twin.state.lists["head"][:, FRESH:lists:UE_LISTS] != NONE
    return present


def worlds(config: EnvironmentConfig, count: int, capacity: int | None = None) -> Twin:
    """A twin of ``count`` worlds that are told what to do, by default with room for every task of an episode.

    Raises `ScenarioError` for faults, whose instants an endless run of episodes does not have.
    """
    if config.scenario.faults:
        raise ScenarioError(
            "faults: environments on the twin do not support faults",
            remedy="leave them out (settings=['faults=[]']), or take backend=\"testbed\"",
        )
    system, source = config.system, source_of(config)
    needed = "the most tasks that a world may hold is needed, at least 1"
    room = _room(config, source) if capacity is None else check.count("capacity", capacity, 1, needed)
    twin = Twin(system, source, count, double=config.second_offload, capacity=room, reward=config.reward)
    twin.use(None)
    return twin


def source_of(config: EnvironmentConfig) -> Source:
    """Where the tasks come from: keyed draws, or the table of a traced workload (the same for every seed)."""
    scenario, system = config.resolved.scenario, config.system
    if scenario.workload.trace:
        return build.table(system, inputs.generate(scenario, system))
    return build.generator(scenario, system, endless=False)


def _room(config: EnvironmentConfig, source: Source) -> int:
    """Bernoulli: what an episode can bring at most; Poisson: twice what it brings on average, and 64 a UE."""
    if len(source.rows):
        return len(source.rows)
    slots = min(config.system.slots, config.episode_slots or config.system.slots) + 1
    poisson = config.scenario.workload.arrivals == "poisson"
    rate = max(source.rates) if poisson else 1.0
    return len(config.system.ues) * int(slots * rate * (2 if poisson else 1) + (TASKS_PER_UE if poisson else 0))
