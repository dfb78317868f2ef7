"""The compiled entry points, cached on disk under a key that covers every function they are made of."""

from types import ModuleType
from typing import Any

from numba import njit

from testbed.model.delay import NEVER
from testbed.model.random import ARRIVALS, EXPLORATION, VALUES
from testbed.twin import (
    choosing,
    compiled,
    costs,
    decide,
    generate,
    lists,
    networks,
    noting,
    observe,
    radio,
    server,
    slot,
    state,
)
from testbed.twin.compiled import INNER, OPTIONS, stamp, subjects_hash, uniform
from testbed.twin.entry import entry
from testbed.twin.lists import item
from testbed.twin.noting import Noted
from testbed.twin.server import core_of, occupy
from testbed.twin.state import FULL_VIEW, NONE, Fixed, World, Worlds

_BUSY = -2
EMPTY = 3  # boundaries in a row at which no task was there: the last one and the one before were idle


@njit(**INNER)
def view(worlds: Worlds, w: int) -> World:
    """The state of world ``w``."""
    return World(
        status=worlds.status[w : w + 1],
        tasks=worlds.tasks[w],
        lists=worlds.lists[w],
        ues=worlds.ues[w],
        edge_servers=worlds.edge_servers[w],
        cores=worlds.cores[w],
        asking=worlds.asking[w],
        announced_ns=worlds.announced_ns[w],
        cells=worlds.cells[w],
        local_cost=worlds.local_cost[w],
        outcomes=worlds.outcomes[w],
        due=worlds.due,
        hashes=worlds.hashes,
        drawn=worlds.drawn,
        buckets=worlds.buckets,
        marks=worlds.marks,
    )


@njit(**INNER)
def _clear(world: World, fixed: Fixed, seed: int) -> None:
    w = world.status[0]
    w.seed, w.start_ns, w.end_ns, w.slot = seed, 0, fixed.system[0].slot_ns, 0
    w.free, w.used, w.inside, w.full, w.least, w.second = NONE, 0, 0, 0, NONE, NONE
    for at in range(world.lists.shape[0]):
        item(world.lists, at).head = NONE
    world.announced_ns[:] = 0
    for u in range(fixed.ues.shape[0]):
        ue = item(world.ues, u)
        ue.local_free_ns, ue.radio_free_ns, ue.radio_waiting_ns, ue.sent_ns, ue.stay_ns = 0, 0, 0, 0, 0
        ue.finish, ue.spent_j, ue.arrival, ue.number, ue.present = 0.0, 0.0, 0.0, 0, 0
        ue.choice, ue.last_choice, ue.think_ns = 0, NONE, 0
        ue.arrivals_hash, ue.values_hash = subjects_hash(seed, ARRIVALS, u), subjects_hash(seed, VALUES, u)
    for es in range(fixed.edge_servers.shape[0]):
        server = item(world.edge_servers, es)
        server.clock_ns, server.own_cycles, server.forwarded_cycles, server.air_cycles = 0, 0, 0, 0
        server.busy_ns, server.virtual, server.radio_ns = 0, 0.0, 0
        server.ends_ns, server.first_ns, server.first = 0, NEVER, NONE
        server.own, server.forwarded, server.running, server.senders = 0, 0, 0, 0
        for c in range(world.cores.shape[1]):
            core_of(world, es, c).task = NONE


@njit(**INNER)
def _burden(world: World, fixed: Fixed, backlog_ns: int) -> None:
    """Begin with queues of uniformly drawn length up to ``backlog_ns`` at every UE and core, of nobody's tasks."""
    seed = world.status[0].seed
    for u in range(fixed.ues.shape[0]):
        item(world.ues, u).local_free_ns = int(uniform(seed, EXPLORATION, u, 0, 0) * backlog_ns)
    for es in range(fixed.edge_servers.shape[0]):
        for c in range(item(fixed.edge_servers, es).cores):
            occupy(world, es, c, _BUSY, 0, int(uniform(seed, EXPLORATION, es, c, 1) * backlog_ns))


@njit(**INNER)
def begin(world: World, fixed: Fixed, seed: int, backlog_ns: int) -> None:
    """The world at instant 0: servers have announced, the first tasks are generated."""
    _clear(world, fixed, seed)
    if backlog_ns > 0:
        _burden(world, fixed, backlog_ns)
    server.announce(world, fixed, 0)
    for u in range(fixed.ues.shape[0]):
        generate.schedule(world, fixed, u)
    generate.generate(world, fixed, 0)


@njit(**INNER)
def clear_cells(world: World) -> None:
    """Forget what the cells earned so far."""
    for cell in range(world.cells.shape[0]):
        earned = item(world.cells, cell)
        earned.decided, earned.offloaded, earned.forwarded, earned.rejected = 0, 0, 0, 0
        earned.finished, earned.hits, earned.delay_ns = 0, 0, 0
        earned.energy_j, earned.overhead, earned.cost, earned.spent_j, earned.score = 0.0, 0.0, 0.0, 0.0, 0.0


@njit(**INNER)
def play(world: World, fixed: Fixed, given: Any, w: int, by: Any) -> None:
    """One slot of world number ``w``: decide and advance. ``given`` (K, N) holds decisions by slot, its last row
    serving from then on.

    ``by`` is None or a network (`testbed.twin.networks.Deciding`); each kind is compiled on its own.
    """
    k = min(world.status[0].slot, given.shape[0] - 1)
    if by is None:
        decide.decide(world, fixed, given[k])
    else:
        networks.decide_by(world, fixed, given[k], w, by)
    slot.advance(world, fixed)


@njit(**INNER)
def _sees_idle_slots(by: Any) -> bool:
    """Whether a network takes in slots in which nothing happens."""
    if by is None:
        return False
    return by.core.shape[0] > 0


@njit(**INNER)
def pass_over(world: World, fixed: Fixed) -> None:
    """Let the slots pass in which an empty world has nothing to do, up to the one at whose end the next task comes.

    Servers must have announced that they are idle. It is meant for a table of tasks, and earns nothing.
    """
    w, length = world.status[0], fixed.system[0].slot_ns
    for es in range(fixed.edge_servers.shape[0]):
        if item(world.announced_ns, es) != 0:
            return
    at = fixed.system[0].slots * length
    for u in range(fixed.ues.shape[0]):
        at = min(at, item(world.ues, u).next_ns)
    w.slot = max(w.slot, -(-at // length) - 1)
    w.start_ns = w.slot * length
    w.end_ns = w.start_ns + length


@njit(**INNER)
def see(world: World, fixed: Fixed, kind: int, out: Any) -> None:
    """Fill ``out`` (L,) with the observation of ``kind`` `state.FULL` or `state.PAPERS`."""
    if kind == FULL_VIEW:
        observe.observe_full(world, fixed, out)
    else:
        observe.observe_paper(world, fixed, out)


@njit(**INNER)
def add_cell(earned: Any, cell: Any, at: int) -> None:
    """Add what one cell earned lately to ``earned``, another record of `state.CELL`, which is cleared ``at`` 0."""
    if at == 0:
        earned.decided, earned.offloaded, earned.forwarded, earned.rejected = 0, 0, 0, 0
        earned.finished, earned.hits, earned.delay_ns = 0, 0, 0
        earned.energy_j, earned.overhead, earned.cost, earned.spent_j, earned.score = 0.0, 0.0, 0.0, 0.0, 0.0
    earned.decided += cell.decided
    earned.offloaded += cell.offloaded
    earned.forwarded += cell.forwarded
    earned.rejected += cell.rejected
    earned.finished += cell.finished
    earned.hits += cell.hits
    earned.delay_ns += cell.delay_ns
    earned.energy_j += cell.energy_j
    earned.overhead += cell.overhead
    earned.cost += cell.cost
    earned.spent_j += cell.spent_j
    earned.score += cell.score


@njit(**INNER)
def sum_cells(world: World, earned: Any) -> None:
    """Set ``earned``, one record of `state.CELL`, to what all cells earned lately."""
    for at in range(world.cells.shape[0]):
        add_cell(earned, item(world.cells, at), at)


def modules() -> list[ModuleType]:
    """Every module of compiled functions, for the cache's key."""
    own = [choosing, compiled, costs, decide, generate, lists, noting, observe, radio, server, slot, state]
    return [*own, *networks.modules()]


def _build(key: int) -> tuple[Any, ...]:
    """Compile the entry points; ``key`` becomes a part of their cache's key by being their closure."""

    @entry("the twin's resets", **OPTIONS)
    def reset(worlds: Worlds, fixed: Fixed, seeds: Any, chosen: Any, backlog_ns: int) -> int:
        """Begin the ``chosen`` (bool, W) worlds anew; returns the first full one, or NONE."""
        full = NONE if key else 0
        for w in range(worlds.status.shape[0]):
            if chosen[w]:
                world = view(worlds, w)
                clear_cells(world)
                begin(world, fixed, seeds[w], backlog_ns)
                if world.status[0].full and full == NONE:
                    full = w
        return full

    @entry("the twin's steps", **OPTIONS)
    def step(worlds: Worlds, fixed: Fixed, given: Any, slots: int, until: int, by: Any) -> int:
        """Play ``slots`` slots of every world, and on until slot ``until`` is reached and no task is left (-1: not so).

        Decisions (W, K, N) are ``given``, or a network's (``by``, see `play`); returns the first full world, or NONE.
        """
        full = NONE if key else 0
        for w in range(worlds.status.shape[0]):
            world = view(worlds, w)
            clear_cells(world)
            last = world.status[0].slot + slots
            while not world.status[0].full:
                now = world.status[0].slot
                if now >= last and (now >= until and (until < 0 or world.status[0].inside == 0)):
                    break
                play(world, fixed, given[w], w, by)
            if world.status[0].full and full == NONE:
                full = w
        return full

    @entry("the twin's observations", **OPTIONS)
    def look(worlds: Worlds, fixed: Fixed, kind: int, chosen: Any, out: Any) -> int:
        """Fill the rows of ``out`` (W, L) of the ``chosen`` (bool, W) worlds with observations of ``kind``."""
        for w in range(worlds.status.shape[0] if key else 0):
            if chosen[w]:
                see(view(worlds, w), fixed, kind, out[w])
        return NONE

    @entry("the twin's steps with observations", **OPTIONS)
    def turn(worlds: Worlds, fixed: Fixed, given: Any, kind: int, earned: Any, out: Any) -> int:
        """Play a slot of every world as ``given`` (W, 1, N), sum its cells in ``earned`` (W,), observe into ``out``."""
        full = NONE if key else 0
        for w in range(worlds.status.shape[0]):
            world = view(worlds, w)
            clear_cells(world)
            play(world, fixed, given[w], w, None)
            if world.status[0].full and full == NONE:
                full = w
            sum_cells(world, item(earned, w))
            see(world, fixed, kind, out[w])
        return full

    @entry("the twin's notes", **OPTIONS)
    def note(worlds: Worlds, fixed: Fixed, w: int, noted: Noted) -> int:
        """Note the boundary that world ``w`` is at."""
        noting.note(view(worlds, w), fixed, noted)
        return key

    @entry("the twin's recorded steps", **OPTIONS)
    def step_noting(worlds: Worlds, fixed: Fixed, given: Any, noted: Noted, empty: int, until: int, by: Any) -> int:
        """Play and note world 0 slot by slot until there is room for no more, slot ``until`` is there, or all is over.

        ``empty`` boundaries in a row were without a task so far; returns how many are now, or -1 if the world is full.
        Slots in which nothing would be recorded are passed over, unless a network (``by``, see `play`) remembers them.
        """
        world, last, w = view(worlds, 0), fixed.system[0].slots if key != -1 else 0, worlds.status[0]
        while noted.count[0] < noted.slot.shape[0] and w.slot < until and (w.slot <= last or w.inside > 0):
            now = empty + 1 if w.inside == 0 else 0
            if now >= EMPTY and not _sees_idle_slots(by):
                pass_over(world, fixed)
                if w.slot >= until:
                    break
            empty = now
            play(world, fixed, given[0], 0, by)
            if w.full:
                return -1
            noting.note(world, fixed, noted)
        return empty

    @entry("the twin's repetitions", **OPTIONS)
    def repeat(worlds: Worlds, fixed: Fixed, given: Any, think_ns: Any) -> int:
        """Play world 0 to its end by decisions ``given`` (K, N), each of which took ``think_ns`` (K, N).

        Their last rows serve from then on; returns 0 if the world is full, or NONE.
        """
        world, until = view(worlds, 0), fixed.system[0].slots
        while not world.status[0].full and (world.status[0].slot <= until or world.status[0].inside > 0):
            k = min(world.status[0].slot, think_ns.shape[0] - 1)
            for u in range(think_ns.shape[1]):
                item(world.ues, u).think_ns = think_ns[k, u]
            play(world, fixed, given, 0, None)
        return 0 if world.status[0].full and key != -1 else NONE

    return reset, step, look, turn, note, step_noting, repeat


reset, step, look, turn, note, step_noting, repeat = _build(stamp(*(vars(module) for module in modules())))
