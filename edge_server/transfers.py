"""How tasks travel to an ES and on to another: their link rows, and the messages of a second offload (sans-IO)."""

from collections.abc import Sequence

from edge_server.job import Job
from testbed.model import link
from testbed.model.cuts import Span, standing_still
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


def forward(system: System, job: Job, es: Es, target: Es, now_ns: int) -> list[Action]:
    """``es`` hands ``job`` on to ``target`` over the backhaul at ``now_ns``, and tells the UE."""
    ue, task = job.ue, job.task
    end = _last_bit_ns(system, now_ns, task.input_bits, system.cuts_between(es.index, target.index))
    arrival = end + system.backhaul.latency_ns
    row = LinkRow(
        link=es.name,
        to=target.name,
        ue=ue.name,
        number=task.number,
        bits=task.input_bits,
        attempts=1,
        ready_ns=now_ns,
        start_ns=now_ns,
        end_ns=end,
        arrival_ns=arrival,
    )
    return [
        Send(
            to=target.name,
            body=Forward(ue.name, task, job.trip, arrival),
            at_ns=arrival,
            phase=ARRIVAL,
            ue=ue.index,
            number=task.number,
            payload_bits=task.input_bits,
        ),
        moved(job, target, now_ns),
        Record(row),
    ]


def _last_bit_ns(system: System, now_ns: int, bits: int, cuts: Sequence[Span]) -> int:
    """When a backhaul has moved ``bits``; while it is cut they stand still."""
    rate = system.backhaul.rate_bps
    if not cuts:
        return after_ns(now_ns, transfer_ns(bits, rate))
    return link.capped_end_ns(now_ns, bits, standing_still(cuts, rate), (0,), (rate,), FOREVER_NS)


def moved(job: Job, target: Es, now_ns: int, *, arrived: bool = False) -> Send:
    """The notice to the UE that its task is on its way to ``target``, or has ``arrived`` there."""
    notice = Moved(job.ue.name, job.task.number, target.name, now_ns, arrived)
    return Send(
        to=job.ue.name,
        body=notice,
        at_ns=now_ns,
        phase=ARRIVAL,
        ue=job.ue.index,
        number=job.task.number,
    )
