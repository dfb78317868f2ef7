"""A simulation in which crowds play some UEs, as processes do on the testbed."""

import msgspec

from testbed.model.system import Emulation
from testbed.node.bundles import Bundles
from testbed.node.socket import sent
from testbed.policy.loading import load
from testbed.protocol.placement import crowds_of
from testbed.sim.simulation import Simulation
from ue_agent.crowd.crowd import Crowd


class Crowded(Simulation):
    """As `Simulation`; what was said to crowds and by them is kept in ``said``."""

    def __init__(self, plan, policy):
        super().__init__(plan, policy)
        self._sleep, self._sleeping = None, ()
        self.crowds = crowds_of(plan)
        self._crowd_of = {ue.name: name for name, ues in self.crowds.items() for ue in ues}
        self._bundles = Bundles(plan)
        self._incarnation |= dict.fromkeys(self.crowds, 0)
        self.said = []

    def _start(self, name, from_ns):
        if name not in self._crowd_of:
            super()._start(name, from_ns)

    def _make(self, name, incarnation, from_ns):
        if name not in self.crowds:
            return super()._make(name, incarnation, from_ns)
        ues = self.crowds[name]
        own = [self._tasks[ue.index] for ue in ues]
        return Crowd(self.plan.system, name, ues, own, incarnation, from_ns, outcomes=self.plan.learn)

    def _tasks_of(self, name):
        if name in self.crowds:
            return [task for ue in self.crowds[name] for task in self._tasks[ue.index]]
        return super()._tasks_of(name)

    def _send(self, source, send):
        if self._bundles.holds(source, send):
            [(_, send)] = self._bundles.closed()
        wrapped = sent(source, 0, send.to, send)
        if source in self.crowds or send.to in self.crowds:
            self.said.append((self._now, wrapped))
        for single in self._bundles.opened(wrapped):
            to = self._crowd_of.get(single.to, single.to)
            self._send_single(source, send, single, to)

    def _send_single(self, source, send, single, to):
        changes = {"at_ns": single.at_ns, "ue": single.ue, "number": single.number}
        super()._send(source, msgspec.structs.replace(send, to=to, body=single.body, **changes))


def crowded(plan, *crowds, **emulation):
    """``plan`` with crowds of so many UEs in its cells."""
    return msgspec.structs.replace(plan, emulation=Emulation(crowds=crowds, payload="declared", burn=0.0, **emulation))


def rows_of(simulated):
    """All that was recorded, in an order of its own."""
    others = (simulated.slots, simulated.ue_slots, simulated.links, simulated.events)
    return list(simulated.tasks), *(sorted(rows, key=repr) for rows in others), simulated.reason


def both(plan):
    """What ``plan`` leaves with crowds and without."""
    crowds, alone = Crowded(plan, load(plan.policy)[0]), Simulation(plan, load(plan.policy)[0])
    rows = rows_of(crowds.run()), rows_of(alone.run())
    assert {envelope.source for _, envelope in crowds.said} >= {*crowds.crowds, "controller"}
    return rows
