"""The decision that is made where nobody made one in time: the scenario's ``fallback`` (MODEL: decisions)."""

from testbed.model import random
from testbed.model.mdp import CellView
from testbed.model.system import System
from testbed.model.task import LOCAL, OFFLOAD

EVEN = 0.5


def fallback_choice(system: System, ue: int, slot: int) -> int:
    """0 or 1 for the tasks of ``slot`` of the UE with index ``ue``, whether the UE falls back or its controller."""
    if system.fallback == "random":
        return flip(system.seed, ue, slot, EVEN)
    return LOCAL if system.fallback == "lc" else OFFLOAD


def fallback_choices(system: System, cell: CellView) -> dict[str, int]:
    """`fallback_choice` for every UE of ``cell``, by name."""
    return {ue.name: fallback_choice(system, ue.index, cell.slot) for ue in cell.ues}


def flip(seed: int, ue: int, slot: int, probability: float) -> int:
    """Offload with ``probability``, by the keyed draw of one UE and slot."""
    return OFFLOAD if random.uniform(seed, random.POLICY, ue, slot, 0) < probability else LOCAL
