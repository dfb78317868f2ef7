"""A case played on the simulation, with somebody who watches every event."""

from typing import Any

import msgspec

from testbed.protocol.actions import Action
from testbed.protocol.rows import Row
from testbed.sim.events import ANY, Emit
from testbed.sim.run_log import RunLog, Simulated
from testbed.sim.simulation import Simulation
from tests.swarm.cases import Case, Made, made
from tests.swarm.watch import Watch


class Notes(RunLog):
    """A run log that remembers every row it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def keep(self, row: Row) -> None:
        self.rows.append(row)
        super().keep(row)


class Watched(Simulation):
    """A simulation whose events, actions and rows are looked at as they come, and in which the dead may speak."""

    def __init__(self, case: Case, given: Made) -> None:
        super().__init__(given.plan, given.policy, conditions=given.conditions)
        self._ghosts = case.ghosts
        self.notes = self._log = Notes()
        self.watch = Watch(given.plan, exact=given.conditions is None and not case.ghosts)

    def _handle(self, target: str, incarnation: int, event: object) -> None:
        self.watch.at(self._now)
        if self._ghosts and isinstance(event, Emit) and incarnation != self._living(target):
            self._heap.push_message(self._now, event.send)
            return
        core = self._cores.get(target)
        hears = core is not None and incarnation in (ANY, self._incarnation[target])
        if hears:
            self.watch.before(target, event)
        super()._handle(target, incarnation, event)
        if hears:
            self.watch.after(target, core)

    def _act(self, source: str, actions: list[Action]) -> None:
        for action in actions:
            self.watch.act(source, action)
        super()._act(source, actions)

    def _start(self, name: str, from_ns: int) -> None:
        self.watch.born(name, from_ns)
        super()._start(name, from_ns)

    def _crash(self, fault: Any) -> None:
        was_alive = fault.name in self._cores
        self.watch.at(self._now)
        if was_alive:
            self.watch.died(fault.name)
        super()._crash(fault)
        for name, core in self._cores.items() if was_alive else ():
            self.watch.look(name, core)

    def _living(self, name: str) -> int | None:
        return self._incarnation[name] if name in self._cores else None


class Played(msgspec.Struct, kw_only=True):
    """A case, what it is made of, and what came of it; ``rows`` as they were recorded."""

    case: Case
    given: Made
    made: Simulated
    rows: list[Row]
    executed: list[tuple[str, str, int]]
    seen: list[str]


def play(case: Case) -> Played:
    """Play ``case`` to its end; what was wrong on the way is in ``seen``."""
    given = made(case)
    simulation = Watched(case, given)
    ran = simulation.run()
    watch = simulation.watch
    return Played(
        case=case, given=given, made=ran, rows=simulation.notes.rows, executed=watch.executed, seen=watch.problems
    )
