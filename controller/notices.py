"""What an ES should know of its cell's decisions: which tasks stay with their UEs (pure)."""

from collections.abc import Callable, Sequence

from testbed.model.system import System
from testbed.model.task import LOCAL, Phase
from testbed.protocol.actions import Action, Send
from testbed.protocol.crowd_messages import Decisions
from testbed.protocol.messages import Decision, Kept


def notices_of(system: System) -> Callable[[Sequence[Action]], list[Send]]:
    """A function that finds, among the controller's actions, what to tell the ESs of ``system``.

    The virtual clocks do without: nothing is ever late there.
    """
    by_name = {ue.name: ue for ue in system.ues}

    def notices(actions: Sequence[Action]) -> list[Send]:
        local_ues: dict[tuple[int, int], list[int]] = {}
        for action in actions:
            body = action.body if isinstance(action, Send) else None
            if isinstance(body, Decision) and body.choice == LOCAL:
                ue = by_name[body.ue]
                local_ues.setdefault((ue.cell, body.asked_ns), []).append(ue.index)
            elif isinstance(body, Decisions):
                indices = [ue for ue, choice in zip(body.ues, body.choices, strict=True) if choice == LOCAL]
                if indices:
                    local_ues.setdefault((system.ues[indices[0]].cell, body.asked_ns), []).extend(indices)
        return [
            Send(
                to=system.edge_servers[cell].name,
                body=Kept(asked_ns, tuple(ues_of_cell)),
                at_ns=asked_ns,
                phase=Phase.DECIDE,
            )
            for (cell, asked_ns), ues_of_cell in local_ues.items()
        ]

    return notices
