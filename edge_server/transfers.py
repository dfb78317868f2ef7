"""How tasks travel to an ES and on to another: their link rows, and the messages of a second offload (sans-IO)."""

import msgspec

from edge_server.job import Job
from testbed.model import link
from testbed.model.cuts import open_ns, standing_still
from testbed.model.delay import FOREVER_NS, after_ns, transfer_ns
from testbed.model.system import Es, System
from testbed.model.task import ARRIVAL
from testbed.protocol.actions import Action, Record, Send
from testbed.protocol.messages import Forward, Moved
from testbed.protocol.rows import LinkRow


def uplink(job: Job, es: Es) -> Record:
    """The row of the uplink by which ``job`` reaches ``es``."""
    ue, trip = job.ue, job.trip
    row = LinkRow(
        link=ue.name,
        to=es.name,
        ue=ue.name,
        number=job.task.number,
        bits=job.task.input_bits,
        attempts=trip.attempts,
        ready_ns=trip.ready_ns,
        start_ns=trip.tx_start_ns,
        end_ns=trip.tx_end_ns,
        arrival_ns=trip.arrival_ns,
    )
    return Record(row)


class Onward(msgspec.Struct, frozen=True):
    """``job`` goes on to the ES of index ``target`` at ``at_ns``."""

    job: Job
    target: int
    at_ns: int

    def last_bit_ns(self, system: System) -> int:
        """When its last bit leaves; while the backhaul is cut, or an end of it paused, it stands still."""
        rate, bits = system.backhaul.rate_bps, self.job.task.input_bits
        cuts = system.standing_between(self.job.ue.cell, self.target)
        if cuts:
            return link.capped_end_ns(self.at_ns, bits, standing_still(cuts, rate), (0,), (rate,), FOREVER_NS)
        return after_ns(self.at_ns, transfer_ns(bits, rate))

    def arrival_ns(self, system: System) -> int:
        """When it is there: an ES that is paused takes it in when it goes on."""
        there_ns = self.last_bit_ns(system) + system.backhaul.latency_ns
        return open_ns(there_ns, system.edge_servers[self.target].pauses_ns)


def forward(system: System, onward: Onward, *, again: bool = False) -> list[Action]:
    """A task is handed on over the backhaul, and its UE told; ``again``: it is on its way, and comes at another
    instant than was said."""
    job, target, arrival = onward.job, system.edge_servers[onward.target], onward.arrival_ns(system)
    send = Send(
        to=target.name,
        body=Forward(job.ue.name, job.task, job.trip, arrival),
        at_ns=arrival,
        phase=ARRIVAL,
        ue=job.ue.index,
        number=job.task.number,
        payload_bits=0 if again else job.task.input_bits,
    )
    return [send] if again else [send, moved(job, target.name, onward.at_ns)]


def backhaul(system: System, job: Job, arrival_ns: int, es: Es) -> Record:
    """The row of the backhaul by which ``job`` has reached ``es`` at ``arrival_ns``."""
    sent_ns = job.trip.arrival_ns
    row = LinkRow(
        link=system.edge_servers[job.ue.cell].name,
        to=es.name,
        ue=job.ue.name,
        number=job.task.number,
        bits=job.task.input_bits,
        attempts=1,
        ready_ns=sent_ns,
        start_ns=sent_ns,
        end_ns=Onward(job, es.index, sent_ns).last_bit_ns(system),
        arrival_ns=arrival_ns,
    )
    return Record(row)


def moved(job: Job, target: str, now_ns: int, *, arrived: bool = False) -> Send:
    """The notice to the UE that its task is on its way to ``target``, or has ``arrived`` there; or is with the UE."""
    notice = Moved(job.ue.name, job.task.number, target, now_ns, arrived)
    return Send(
        to=job.ue.name,
        body=notice,
        at_ns=now_ns,
        phase=ARRIVAL,
        ue=job.ue.index,
        number=job.task.number,
    )
