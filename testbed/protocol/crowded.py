"""What crowds may say and be told in a plan, by columns (pure)."""

import math
from collections.abc import Sequence
from itertools import pairwise

from testbed.protocol.bounds import Bounds, RefusedError, need
from testbed.protocol.crowd_messages import Asks, Decisions


def check_asks(bounds: Bounds, asks: Asks) -> None:
    """Raise `RefusedError` unless the UEs of a crowd may ask that."""
    _members(bounds, asks.crowd, asks.ues)
    bounds.slot(asks.slot, asks.at_ns)
    need(holds=len(asks.ues) == len(asks.queue_ns) == len(asks.last_choice), why="its columns differ in length")
    need(holds=min(asks.queue_ns, default=0) >= 0, why="its UEs have not so much to do")
    elapsed = bounds.elapsed_ns(0)
    ues = bounds.system.ues
    for ue, queue_ns in zip(asks.ues, asks.queue_ns, strict=True):
        if queue_ns > elapsed:
            need(holds=queue_ns <= bounds.local_work_ns(ues[ue]) + elapsed, why="its UEs have not so much to do")
    choices = asks.last_choice
    need(
        holds=min(choices, default=-1) >= -1 and max(choices, default=-1) < bounds.system.actions,
        why="there is no such choice",
    )
    _tasks(bounds, asks)


def _members(bounds: Bounds, crowd: str, ues: Sequence[int]) -> None:
    """UEs are of the crowd, each once and in order."""
    if crowd not in bounds.crowds:
        raise RefusedError(f"no crowd is called {crowd[:40]!r}")
    first, last = bounds.crowds[crowd]
    rising = all(before < ue for before, ue in pairwise(ues))
    need(holds=bool(ues) and rising and first <= ues[0] and ues[-1] <= last, why="it is about UEs of another crowd")


def _tasks(bounds: Bounds, asks: Asks) -> None:
    places = [(task.ue, task.number) for task in asks.tasks]
    need(holds=all(before < place for before, place in pairwise(places)), why="its tasks are out of order")
    need(holds=set(asks.ues).issuperset([ue for ue, _ in places]), why="it is about UEs of another crowd")
    system = bounds.system
    for task in asks.tasks:
        bounds.known(system.ues[task.ue], task)
        need(holds=system.asked_ns(task) == asks.at_ns, why="its tasks are not asked about then")


def check_decisions(bounds: Bounds, crowd: str, decisions: Decisions) -> None:
    """Raise `RefusedError` unless ``crowd`` may be answered that."""
    _members(bounds, crowd, decisions.ues)
    bounds.slot(decisions.slot, decisions.asked_ns)
    columns = decisions.choices, decisions.log_probabilities
    need(holds={len(decisions.ues)} == set(map(len, columns)), why="its columns differ in length")
    least, most = min(decisions.choices), max(decisions.choices)
    need(holds=least >= 0 and most < bounds.system.actions, why="there is no such choice")
    need(holds=decisions.version >= 0, why="there is no such version")
    sound = all(math.isfinite(one) and one <= 1e-9 for one in decisions.log_probabilities)
    need(holds=sound, why="it is no log-probability")
