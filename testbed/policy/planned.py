"""The policy `plan` as it is named: what it plans from and for how long; `testbed.planning` does the planning."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from testbed.model.errors import UsageError
from testbed.model.mdp import CellView
from testbed.policy.choosing import PricedAny
from testbed.policy.heuristics import Policy, Priced

THINK_NS = 20_000_000
USUAL_BASE = Priced(-0.3, 0.2)  # better to plan from than prices that are tuned to decide alone
USUAL_ANY_BASE = PricedAny(-0.3, 0.3, 0.3)


class Planned(msgspec.Struct, frozen=True):
    """Plan from what ``base`` decides, for ``think_ns`` of one core a slot; `testbed.planning.acting` makes it act."""

    base: Policy = USUAL_BASE
    think_ns: int = THINK_NS

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """Raises `UsageError`: who plans has to know the system first."""
        raise UsageError("a planner decides in runs only", "name another policy")


@runtime_checkable
class Regional(Protocol):
    """A policy that decides all cells of a slot together; ``decide`` is for a cell that comes too late for that."""

    def decide(self, cell: CellView, rng: object) -> dict[str, int]:
        """See `testbed.policy.heuristics.Policy`."""

    def decide_region(self, cells: Sequence[CellView]) -> dict[str, int]:
        """An action for every UE with undecided tasks of ``cells``, which are of one slot and in order."""


def regional(policy: object) -> Regional | None:
    """``policy`` if it decides all cells together."""
    return policy if isinstance(policy, Regional) else None
