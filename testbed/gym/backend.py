"""What an environment plays on: the twin or running processes, slot by slot."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from testbed.gym.setting import Setting, backlog_ns
from testbed.model.errors import UsageError
from testbed.trace import inputs
from testbed.twin import build
from testbed.twin.build import Source
from testbed.twin.state import CELL
from testbed.twin.twin import PER_UE, Twin

COUNTS = ("decided", "offloaded", "forwarded", "rejected", "finished", "hits")
SUMS = ("energy_j", "overhead")


class Backend(Protocol):
    """One episode after another of one region.

    ``cells`` (M,) of `testbed.twin.state.CELL` tells what each cell earned in the step just made, ``fallback`` (M,) how
    many of its tasks the fallback decided, ``lag_ns`` (M,) how much later than they should have its tasks really ended.
    ``missed`` counts the slots for which no answer came in time.
    """

    cells: NDArray[Any]
    fallback: NDArray[np.int64]
    lag_ns: NDArray[np.int64]
    missed: int

    @property
    def slot(self) -> int:
        """The slot about to be decided."""

    @property
    def inside(self) -> int:
        """Tasks in the system."""

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

    def __init__(self, setting: Setting, backlog_s: float = 0.0, capacity: int | None = None) -> None:
        self._kind = setting.observation
        self._twin = worlds(setting, 1, capacity)
        self._backlog_ns = backlog_ns(backlog_s)
        self.cells = np.zeros(len(setting.system.ess), CELL)
        self.fallback, self.lag_ns = np.zeros((2, len(setting.system.ess)), np.int64)

    @property
    def slot(self) -> int:
        """The slot about to be decided."""
        return int(self._twin.slot[0])

    @property
    def inside(self) -> int:
        """Tasks in the system."""
        return int(self._twin.inside[0])

    def reset(self, seed: int) -> None:
        """See `Backend`."""
        self._twin.reset(seed, backlog_ns=self._backlog_ns)

    def step(self, choices: NDArray[np.int8]) -> None:
        """See `Backend`."""
        self.cells = self._twin.step(choices[None])[0]

    def observe(self) -> NDArray[np.float32]:
        """See `Backend`."""
        return self._twin.observe(self._kind)[0].copy()

    def close(self) -> None:
        """Nothing is held."""


def worlds(setting: Setting, count: int, capacity: int | None = None) -> Twin:
    """A twin of ``count`` worlds that are told what to do, by default with room for every task of an episode."""
    system, source = setting.system, source_of(setting)
    room = _room(setting, source) if capacity is None else capacity
    if not isinstance(room, int) or room < 1:
        raise UsageError(f"capacity is {capacity!r}", "the most tasks that a world may hold is needed, at least 1")
    twin = Twin(system, source, count, setting.second_offload, room, setting.reward)
    twin.use(None)
    return twin


def source_of(setting: Setting) -> Source:
    """Where the tasks come from: keyed draws, or the table of a traced workload (the same for every seed)."""
    scenario, system = setting.resolved.scenario, setting.system
    if scenario.workload.trace:
        return build.table(system, inputs.generate(scenario, system))
    return build.generator(scenario, system, endless=False)


def _room(setting: Setting, source: Source) -> int:
    """Bernoulli: what an episode can bring at most; Poisson: twice what it brings on average, and 64 a UE."""
    if source.rows:
        return len(source.rows)
    slots = min(setting.system.slots, setting.episode_slots or setting.system.slots) + 1
    poisson = setting.scenario.workload.arrivals == "poisson"
    rate = max(source.rates) if poisson else 1.0
    return len(setting.system.ues) * int(slots * rate * (2 if poisson else 1) + (PER_UE if poisson else 0))


# What is paid and told -----------------------------------------------------------------------------------------------


def paid(earned: NDArray[Any], reward: str) -> NDArray[np.float64]:
    """What is paid for a slot, in the shape of ``earned``, records of `testbed.twin.state.CELL`."""
    return -earned["cost"] if reward == "holding" else earned["score"].copy()


def told(earned: NDArray[Any]) -> dict[str, Any]:
    """The numbers of ``info``: counts, and sums over the tasks finished in the slot."""
    found: dict[str, Any] = {name: earned[name].copy() for name in (*COUNTS, *SUMS)}
    found["delay_s"] = earned["delay_ns"] * 1e-9
    return found


def measured(backend: Backend) -> dict[str, Any]:
    """The numbers of ``info`` that only running processes can have, (M,)."""
    return {"fallback": backend.fallback, "lag_s": backend.lag_ns * 1e-9}
