"""What crowds ask, one UE at a time, and the answers to their UEs, put together (pure)."""

from collections.abc import Mapping, Sequence

from testbed.model.system import System
from testbed.model.task import DECIDE, Task
from testbed.protocol.actions import Send
from testbed.protocol.crowd_messages import Asks, Decisions
from testbed.protocol.messages import Ask, Decision


def asks_of(system: System, asks: Asks) -> dict[str, Ask]:
    """The ask of each UE of a crowd, by its name."""
    tasks: dict[int, list[Task]] = {}
    for task in asks.tasks:
        tasks.setdefault(task.ue, []).append(task)
    result: dict[str, Ask] = {}
    for ue, queue_ns, last_choice in zip(asks.ues, asks.queue_ns, asks.last_choice, strict=True):
        name = system.ues[ue].name
        result[name] = Ask(
            ue=name,
            slot=asks.slot,
            at_ns=asks.at_ns,
            queue_ns=queue_ns,
            tasks=tuple(tasks.get(ue, ())),
            last_choice=last_choice,
        )
    return result


def answers(now_ns: int, decisions: Sequence[tuple[int, Decision]], crowd_of: Mapping[str, str]) -> list[Send]:
    """The messages that carry ``decisions``, each with its UE's index: one to each crowd, and one to each other UE."""
    sends: list[Send] = []
    together: dict[str, list[tuple[int, Decision]]] = {}
    for index, decision in decisions:
        if decision.ue in crowd_of:
            together.setdefault(crowd_of[decision.ue], []).append((index, decision))
        else:
            sends.append(Send(to=decision.ue, body=decision, at_ns=now_ns, phase=DECIDE, ue=index))
    for crowd, several in together.items():
        first, one = several[0]
        body = Decisions(
            slot=one.slot,
            ues=tuple([index for index, _ in several]),
            choices=tuple([decision.choice for _, decision in several]),
            log_probabilities=tuple([decision.log_probability for _, decision in several]),
            version=one.version,
            fallback=one.fallback,
            asked_ns=one.asked_ns,
        )
        sends.append(Send(to=crowd, body=body, at_ns=now_ns, phase=DECIDE, ue=first))
    return sends
