"""What roles really say to each other: the messages of a simulated run, as the testbed would put them on the wire."""

from controller.notices import notices_of
from testbed.node.socket import sent
from testbed.policy.loading import load
from testbed.protocol.actions import Send
from testbed.protocol.codec import PROTOCOL_VERSION, Envelope
from testbed.protocol.messages import Ask, Down, Up
from testbed.sim.simulation import Simulation


class Overheard(Simulation):
    """A simulation that keeps (instant, envelope) of everything that is said."""

    def __init__(self, plan):
        super().__init__(plan, load(plan.policy)[0])
        self.said = []
        self._notices = notices_of(plan.system)
        self._mortal = set(self._incarnation) | {es.name for es in plan.system.edge_servers}

    def _act(self, source, actions):
        notices = self._notices(actions) if source == "controller" else []
        for send in notices:
            self._hear(source, send)
        super()._act(source, actions)

    def _send(self, source, send):
        self._hear(source, send)
        super()._send(source, send)

    def _hear(self, source, send):
        self.said.append((self._now, wrapped(source, send)))

    def _crash(self, fault):
        super()._crash(fault)
        self._tell(Down(fault.name, self._now, self._incarnation[fault.name]))

    def _restart(self, fault):
        super()._restart(fault)
        self._tell(Up(fault.name, self._now, self._incarnation[fault.name]))

    def _tell(self, notice):
        for name in self._cores:
            if name != notice.name:
                self.said.append((self._now, about(notice, name)))


def wrapped(source, send: Send, incarnation=0) -> Envelope:
    return sent(source, incarnation, send.to, send)


def about(notice, to) -> Envelope:
    return Envelope(
        version=PROTOCOL_VERSION,
        source="launcher",
        incarnation=0,
        sequence=0,
        to=to,
        at_ns=notice.at_ns,
        phase=0,
        ue=0,
        number=0,
        payload_bits=0,
        body=notice,
    )


def overheard(plan):
    """(instant, envelope) of everything that is said in ``plan``, in order."""
    simulation = Overheard(plan)
    simulation.run()
    return simulation.said


def is_busy_ask(envelope) -> bool:
    return isinstance(envelope.body, Ask) and bool(envelope.body.tasks)
