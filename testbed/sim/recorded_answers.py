"""The answers of an earlier run, repeated: what was decided, and how long it took (pure)."""

from collections.abc import Mapping

import msgspec

from testbed.protocol.messages import Ask, Decision

Recorded = Mapping[tuple[str, int], tuple[Decision, int]]


def repeated(recorded: Recorded, ask: Ask) -> tuple[int, Decision] | None:
    """The answer to ``ask`` by its UE and its first task's number, and when it comes, ns; None if there was none."""
    answer = recorded.get((ask.ue, ask.tasks[0].number)) if ask.tasks else None
    if answer is None:
        return None
    decision, think_ns = answer
    return ask.at_ns + think_ns, msgspec.structs.replace(decision, slot=ask.slot, asked_ns=ask.at_ns)
