"""What if a decision had been another: a workload played again from that decision on, until nothing differs any more.

The state at every slot's start is kept under the present decisions, a row of `Worlds` each, and one more to play in.
A change is tried from the kept state of its slot on. As soon as the world is the same again as the kept one, the rest
needs no playing: it would cost what it costs already. Both are exact, so a search may trust the differences.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from testbed.model.random import LEARNING
from testbed.twin import kernels
from testbed.twin.compiled import INNER, OPTIONS, stamp, uniform
from testbed.twin.entry import entry
from testbed.twin.kernels import clear_cells, play, view
from testbed.twin.lists import es_list, head, item, ue_list
from testbed.twin.server import core_of
from testbed.twin.state import FLIGHT, FORWARDED, LOCAL_LIST, NONE, OWN_LIST, Fixed, World, Worlds

KEPT = ("status", "tasks", "lists", "ues", "edge_servers", "cores", "asking", "announced_ns", "cells")
MOST_FLIPS, _NEAR = 3, 24
COST_SUM, LEAST, ACCEPTED = 0, 1, 2
ROUNDING = 1e-12
APART: dict[str, Any] = {**INNER, "forceinline": False}


@njit(**INNER)
def copy(worlds: Worlds, blocks: Any, tasks: Any, source: int, target: int) -> None:
    """Make world ``target`` what ``source`` is; ``blocks`` and ``tasks`` are their arrays as whole numbers (W, L)."""
    for n in range(len(blocks)):
        for i in range(blocks[n].shape[1]):
            blocks[n][target, i] = blocks[n][source, i]
    for i in range(worlds.status[source].used * (tasks.shape[1] // worlds.tasks.shape[1])):
        tasks[target, i] = tasks[source, i]


@njit(**INNER)
def _same_list(a: World, b: World, at: int) -> bool:
    """Whether a list holds the same tasks, with the same instants ahead of them."""
    one, other = head(a, at), head(b, at)
    while one != NONE and other != NONE:
        s, t = item(a.tasks, one), item(b.tasks, other)
        if s.key != t.key or s.at_ns != t.at_ns or s.to != t.to or s.airtime_ns != t.airtime_ns:
            return False
        one, other = s.next, t.next
    return one == other


@njit(**INNER)
def same(a: World, b: World, fixed: Fixed) -> bool:
    """Whether two worlds at one slot's start go on alike; a shared band, in virtual time, is never called the same."""
    now = a.status[0].start_ns
    if fixed.system[0].shared or a.status[0].inside != b.status[0].inside:
        return False
    for u in range(fixed.ues.shape[0]):
        s, t = item(a.ues, u), item(b.ues, u)
        if max(now, s.local_free_ns) != max(now, t.local_free_ns):
            return False
        if max(now, s.radio_free_ns) != max(now, t.radio_free_ns):
            return False
    for es in range(fixed.edge_servers.shape[0]):
        if item(a.announced_ns, es) != item(b.announced_ns, es) or not _same_server(a, b, fixed, es):
            return False
    for u in range(fixed.ues.shape[0]):
        if not (_same_list(a, b, ue_list(u, LOCAL_LIST)) and _same_list(a, b, ue_list(u, FLIGHT))):
            return False
    return True


@njit(**INNER)
def _same_server(a: World, b: World, fixed: Fixed, es: int) -> bool:
    for c in range(item(fixed.edge_servers, es).cores):
        s, t = core_of(a, es, c), core_of(b, es, c)
        if (s.task == NONE) != (t.task == NONE):
            return False
        if s.task != NONE:
            if s.end_ns != t.end_ns or item(a.tasks, s.task).key != item(b.tasks, t.task).key:
                return False
            if item(a.tasks, s.task).airtime_ns != item(b.tasks, t.task).airtime_ns:
                return False
    return _same_list(a, b, es_list(fixed, es, OWN_LIST)) and _same_list(a, b, es_list(fixed, es, FORWARDED))


@njit(**INNER)
def _slot(world: World, fixed: Fixed, choices: Any) -> float:
    """Play a slot; returns the overhead of the tasks that end in it."""
    clear_cells(world)
    play(world, fixed, choices, 0, None)
    earned = 0.0
    for cell in range(world.cells.shape[0]):
        earned += item(world.cells, cell).overhead
    return earned


@njit(**APART)
def attempt(
    worlds: Worlds, blocks: Any, tasks: Any, fixed: Fixed, choices: Any, earned: Any, tried: Any, first: int, last: int
) -> Any:
    """(change of the summed overhead, slot from which all is as before) when ``choices`` differs in slots first..last.

    ``tried`` (K,) is set to what the slots in between earn. The change is infinite if the world has no room.
    """
    spare, slots = worlds.status.shape[0] - 1, choices.shape[0] - 1
    copy(worlds, blocks, tasks, first, spare)
    world = view(worlds, spare)
    change, slot = -earned[slots], first
    tried[slots] = 0.0
    while not world.status[0].full:
        if slot <= slots and slot > last and same(world, view(worlds, slot), fixed):
            return change + earned[slots], slot
        if slot >= slots and world.status[0].inside == 0:
            return change, slots + 1
        got = _slot(world, fixed, choices)
        if slot < slots:
            tried[slot] = got
            change += got - earned[slot]
        else:
            tried[slots] += got
            change += got
        slot += 1
    return np.inf, slots + 1


@njit(**APART)
def keep(
    worlds: Worlds, blocks: Any, tasks: Any, fixed: Fixed, choices: Any, earned: Any, tried: Any, first: int, until: int
) -> None:
    """Make ``choices`` the present decisions: keep the states of the slots after ``first`` and before ``until``."""
    spare, slots = worlds.status.shape[0] - 1, choices.shape[0] - 1
    copy(worlds, blocks, tasks, first, spare)
    world = view(worlds, spare)
    for slot in range(first, min(until, slots + 1)):
        earned[slot] = tried[slot]
        if slot + 1 < until and slot < slots:
            _slot(world, fixed, choices)
            copy(worlds, blocks, tasks, spare, slot + 1)


@njit(**INNER)
def _flip(choices: Any, decision_points: Any, actions: int, seed: int, n: int, chosen: Any) -> int:
    """Change one decision or some near each other; returns how many.

    ``chosen`` holds which of ``decision_points``, and from `MOST_FLIPS` on by how much each action goes up.
    """
    count = decision_points.shape[0]
    at = int(uniform(seed, LEARNING, n, 0, 0) * count)
    many = uniform(seed, LEARNING, n, 0, 1)
    flips = 1 if many < 0.5 else (2 if many < 0.85 else MOST_FLIPS)
    changed = 0
    for k in range(min(flips, count)):
        if k > 0:
            at += int((uniform(seed, LEARNING, n, k, 0) * 2.0 - 1.0) * _NEAR)
            at = min(count - 1, max(0, at))
        known = False
        for i in range(changed):
            known |= chosen[i] == at
        if not known:
            chosen[changed] = at
            chosen[MOST_FLIPS + changed] = 1
            if actions > 2:
                chosen[MOST_FLIPS + changed] += int(uniform(seed, LEARNING, n, k, 2) * (actions - 1))
            changed += 1
    _turn(choices, decision_points, actions, chosen, changed, 1)
    return changed


@njit(**INNER)
def _turn(choices: Any, decision_points: Any, actions: int, chosen: Any, count: int, way: int) -> None:
    """Let the ``chosen`` decisions go up as far as is said there or, ``way`` -1, back."""
    for i in range(count):
        slot, ue = decision_points[chosen[i], 0], decision_points[chosen[i], 1]
        choices[slot, ue] = (choices[slot, ue] + actions + way * chosen[MOST_FLIPS + i]) % actions


def _build(key: int) -> tuple[Any, Any]:
    """Compile the entry points; ``key`` becomes a part of their cache's key by being their closure."""

    @entry("the search's steps", **OPTIONS)
    def settle(
        worlds: Worlds, blocks: Any, tasks: Any, fixed: Fixed, choices: Any, earned: Any, tried: Any, first: int
    ) -> float:
        """Make ``choices`` (K, N) the present decisions from slot ``first`` on; the change of the summed overhead."""
        last = choices.shape[0] - 1 if key else 0
        change, until = attempt(
            worlds, blocks, tasks, fixed, choices=choices, earned=earned, tried=tried, first=first, last=last
        )
        if change < np.inf:
            keep(worlds, blocks, tasks, fixed, choices=choices, earned=earned, tried=tried, first=first, until=until)
        return change

    @entry("the search", **OPTIONS)
    def anneal(
        worlds: Worlds,
        blocks: Any,
        tasks: Any,
        fixed: Fixed,
        choices: Any,
        earned: Any,
        tried: Any,
        decision_points: Any,
        chosen: Any,
        best: Any,
        sums: Any,
        seed: int,
        begin: int,
        end: int,
        hot: float,
        cooling: float,
    ) -> int:
        """Try changes number ``begin`` to ``end``, the n-th at temperature ``hot``·exp(−``cooling``·n).

        ``choices`` are the present decisions, ``best`` those of the least sum so far, ``sums`` (3,) as the constants
        say; ``chosen`` (2·MOST_FLIPS,) is room to work in. Returns how many were tried.
        """
        actions = fixed.edge_servers.shape[0] + 1 if fixed.system[0].chosen else 2
        for n in range(begin, end if key else begin):
            count = _flip(choices, decision_points, actions, seed, n, chosen)
            first, last = choices.shape[0], 0
            for i in range(count):
                slot = decision_points[chosen[i], 0]
                first, last = min(first, slot), max(last, slot)
            room = -hot * math.exp(-cooling * n) * math.log(1.0 - uniform(seed, LEARNING, n, 0, 2))
            change, until = attempt(
                worlds, blocks, tasks, fixed, choices=choices, earned=earned, tried=tried, first=first, last=last
            )
            if change > room:
                _turn(choices, decision_points, actions, chosen, count, -1)
                continue
            keep(worlds, blocks, tasks, fixed, choices=choices, earned=earned, tried=tried, first=first, until=until)
            sums[COST_SUM] += change
            sums[ACCEPTED] += 1
            if sums[COST_SUM] < sums[LEAST] * (1.0 - ROUNDING):
                sums[LEAST] = sums[COST_SUM]
                for slot in range(choices.shape[0]):
                    for ue in range(choices.shape[1]):
                        best[slot, ue] = choices[slot, ue]
        return end - begin

    return settle, anneal


settle, anneal = _build(stamp(*(vars(module) for module in (*kernels.modules(), kernels)), globals()))
