"""What the twin cannot express, refused by name (pure)."""

from testbed.model.delay import S_PER_NS
from testbed.model.errors import ScenarioError
from testbed.model.system import EPOCH_SLOT, Plan, System
from testbed.protocol.rows import KILL, PAUSE

MOST_ACTIONS = 127  # of a byte
WITHOUT_THE_TWIN = (
    "leave them out, all by --set 'faults=[]', or play them in the simulation: run --backend sim, compare --on sim"
)
_UNPLAYABLE = {"cut": "cuts", "partition": "partitions", PAUSE: "pauses"}


def refuse(system: System) -> None:
    """Raise `ScenarioError` for what the twin cannot express."""
    refuse_layout(system)
    options = {
        "on_reject": system.resilience.on_reject is not None,
        "hedge": system.resilience.hedge_after_ns >= 0,
        "breaker": system.resilience.breaker is not None,
    }
    for option, is_used in options.items():
        if is_used:
            raise ScenarioError(
                f"ue.{option}: the twin does not support it", remedy=f"drop ue.{option}; sim and testbed support it"
            )
    if system.actions > MOST_ACTIONS:
        what = f"second_offload.by agent: the twin knows {MOST_ACTIONS} actions, and there are {system.actions}"
        raise ScenarioError(what, remedy="let the rule decide, or take fewer cells")
    if system.backhaul_cuts or any(ue.cuts_ns for ue in system.ues):
        raise ScenarioError(
            "faults: the twin does not support cut and partition",
            remedy=WITHOUT_THE_TWIN,
        )
    if system.pausing:
        raise ScenarioError(
            "faults: the twin does not support pause",
            remedy=WITHOUT_THE_TWIN,
        )
    if any(ue.back is not None for ue in system.ues):
        raise ScenarioError(
            "faults: the twin degrades no link both ways",
            remedy=f"degrade it one way, or {WITHOUT_THE_TWIN}",
        )


def refuse_layout(system: System) -> None:
    """Raise `ScenarioError` for a system that an array for each of its UEs, decided slot by slot, cannot express."""
    if system.epoch != EPOCH_SLOT:
        raise ScenarioError(
            f'agent.epoch "{system.epoch}": the twin does not support it',
            remedy="add --set agent.epoch=slot; sim and testbed support it",
        )
    for before, ue in zip(system.ues, system.ues[1:], strict=False):
        if ue.cell < before.cell:
            raise ScenarioError(f"{ue.name} stands before a UE of an earlier cell", remedy="number UEs cell by cell")


def refuse_faults(plan: Plan) -> None:
    """Raise `ScenarioError` if the plan has faults of kinds that the twin cannot play; the error names them, and the
    first of them."""
    found = [(fault.at_ns, "deaths", f"{KILL} {fault.name}") for fault in plan.faults]
    found += [(one.at_ns, kind, one.what) for one in plan.disturbances if (kind := _unplayable(one.what))]
    if found:
        at_ns, _, first = min(found)
        kinds = " and ".join(sorted({kind for _, kind, _ in found}))
        raise ScenarioError(
            f"faults: the twin does not support {kinds}; the first is {first} at {at_ns * S_PER_NS:g} s",
            remedy=WITHOUT_THE_TWIN,
        )


def _unplayable(what: str) -> str:
    """The kind of a disturbance that the twin cannot play, in words; "" if it can."""
    if what.endswith(" both ways"):
        return "links degraded both ways"
    return _UNPLAYABLE.get(what.partition(" ")[0], "")
