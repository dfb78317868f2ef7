"""How a run learns: in which mode, and which of its processes learn from which cells (pure)."""

import msgspec

LEARNER = "learner"
REPLAY, ON_POLICY = "replay", "a3c"
MODES = (REPLAY, ON_POLICY)
LEARNS_ONLINE = "a3c"  # the algorithm whose policies go on learning in a run


class LearningPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``workers`` processes share a run's cells and learn from them in ``mode``; ``team`` weighs the region's reward
    against the own cell's. One on-policy worker for all cells is A2C: it steps them together."""

    mode: str = REPLAY
    workers: int = 1
    team: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its workers' processes."""
        if self.workers == 1:
            return (LEARNER,)
        return tuple(f"{LEARNER}-{number + 1}" for number in range(self.workers))

    def worker_of(self, cell: int) -> int:
        """The number of the worker that has ``cell``, both 0-based."""
        return cell % self.workers

    def cells_of(self, worker: int, cells: int) -> tuple[int, ...]:
        """Those of a run's ``cells`` that the worker with that number has."""
        return tuple(range(worker, cells, self.workers))


def is_learner(name: str) -> bool:
    """Whether a process of that name learns."""
    return name == LEARNER or name.startswith(f"{LEARNER}-")
