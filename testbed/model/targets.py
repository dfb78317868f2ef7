"""Who chooses the target of second offload, and the actions of an agent that does: where a UE's tasks are executed.

0 is the UE itself, 1 the ES of its cell, then come the other ESs in the order of their indices.
"""

from testbed.model.task import LOCAL, OFFLOAD

BY_RULE, BY_AGENT = "rule", "agent"
ANY_SUFFIX, OWN_ANY_SUFFIX = "-any", "_any"
THINK = "@"  # behind a planner's name stands how long it thinks
UNCHOSEN = -1


def chooses_target(strategy: str) -> bool:
    """Whether a strategy of this name chooses targets: ``NAME-any``, or a user's own that ends in ``_any``."""
    return strategy.partition(":")[0].partition(THINK)[0].endswith(ANY_SUFFIX) or strategy.endswith(OWN_ANY_SUFFIX)


def actions(edge_servers: int, *, chosen_target: bool) -> int:
    """How many actions a UE has with so many ESs; without a choice of targets they are local and offload."""
    return edge_servers + 1 if chosen_target else 2


def word_for(action: int) -> str | None:
    """``local`` or ``offloaded``; None for what is undecided, -1."""
    if action < 0:
        return None
    return "local" if action == LOCAL else "offloaded"


def known_actions(count: int) -> str:
    """What there is to decide, for those who decided something else."""
    if count == 2:
        return "0 (local) or 1 (offload)"
    return f"0 (local), 1 (own edge server) or up to {count - 1} (another one)"


def target_of(action: int, cell: int) -> int:
    """The index of the ES that ``action``, which is not local, names for a UE of ``cell``."""
    if action == OFFLOAD:
        return cell
    other = action - 2
    return other + (other >= cell)


def action_of(es: int, cell: int) -> int:
    """The action by which a UE of ``cell`` names the ES of index ``es``; -1, no ES, is local."""
    if es < 0:
        return LOCAL
    return OFFLOAD if es == cell else es + 2 - (es > cell)
