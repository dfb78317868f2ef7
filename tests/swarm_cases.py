"""The random system, workload, policy, network and fault schedule of each seed of `tests.swarm`, and its run."""

from typing import Any

import msgspec

from testbed.model.delay import NS_PER_S
from testbed.model.system import Plan
from testbed.policy.heuristics import Coin, FixedChoice, Priced
from testbed.sim.events import Emits, PendingEvent
from testbed.sim.network_conditions import NetworkConditions
from testbed.sim.run_log import RunLog
from testbed.sim.simulation import Simulation
from tests.support import MS, plan, random_conditions, random_faults, region

DRAIN_NS = 1000 * NS_PER_S
RETURN_MS = {0: 150, 3: 600}


class Case(msgspec.Struct):
    """What a seed stands for. With ``ghosts`` an ES outlives its recorded death until its executions have ended, as a
    process does that was killed late: what it then says comes from the dead."""

    plan: Plan
    policy: object
    conditions: NetworkConditions | None
    ghosts: bool


class Notes(RunLog):
    """A run log that remembers every row it was given."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def keep(self, row):
        self.rows.append(row)
        super().keep(row)


class Haunted(Simulation):
    """A simulation whose log can be read, and in which the dead may speak."""

    def __init__(self, case):
        super().__init__(case.plan, case.policy, conditions=case.conditions)
        self._ghosts = case.ghosts
        self.notes = self._log = Notes()
        self.executed = []

    def _handle(self, entry):
        event = entry.event
        if self._ghosts and isinstance(event, Emits) and entry.incarnation != self._living(entry.target):
            send = event.send
            at = max(send.at_ns, self._now)
            return self._heap.push(at, send.phase, send.ue, send.number, PendingEvent(send.to, -1, send.body))
        return super()._handle(entry)

    def _emit_at_end(self, source, execute):
        self.executed.append((source, execute.ue, execute.number))
        super()._emit_at_end(source, execute)

    def _living(self, name):
        return self._incarnation[name] if name in self._cores else None


def case_of(seed):
    """The random case of ``seed``."""
    radio: dict[str, Any] = {"access": "shared"} if seed % 3 == 0 else {}
    radio |= {"return_latency_ns": RETURN_MS[seed % 7] * MS} if seed % 7 in RETURN_MS else {}
    made, tasks = region(0.5 + 0.4 * (seed % 2), seed, 20, **radio)
    faults = random_faults(made, seed, ues=bool(seed % 2))
    policy = (Priced(), Coin(), FixedChoice(1))[seed // 2 % 3]
    conditions = random_conditions(made, seed) if seed // 6 % 2 else None
    planned = plan(made, tasks, double=seed % 5 > 0, faults=faults)
    emulation = msgspec.structs.replace(planned.emulation, drain_limit_ns=DRAIN_NS)
    return Case(msgspec.structs.replace(planned, emulation=emulation), policy, conditions, ghosts=seed % 4 == 1)
