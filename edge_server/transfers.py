"""How tasks travel to an ES and on to another: their link rows, and the messages of a second offload (sans-IO)."""

from collections.abc import Sequence

from edge_server.radio import Sent
from testbed.model import link
from testbed.model.cuts import Span, standing_still
from testbed.model.delay import FOREVER_NS, after_ns, transfer_ns
from testbed.model.system import Es, System
from testbed.model.task import Phase
from testbed.protocol.actions import Action, Record, Send
from testbed.protocol.messages import Forward, Moved
from testbed.protocol.rows import LinkRow


def uplink(sent: Sent, es: Es) -> Record:
    """The row of the uplink by which ``sent`` reaches ``es``."""
    ue, trip = sent.ue, sent.trip
    row = LinkRow(
        link=ue.name,
        to=es.name,
        ue=ue.name,
        number=sent.task.number,
        bits=sent.task.input_bits,
        attempts=trip.attempts,
        ready_ns=trip.ready_ns,
        start_ns=trip.tx_start_ns,
        end_ns=trip.tx_end_ns,
        arrival_ns=trip.arrival_ns,
    )
    return Record(row)


def forward(system: System, sent: Sent, es: Es, target: Es, now_ns: int) -> list[Action]:
    """``es`` hands what was ``sent`` on to ``target`` over the backhaul at ``now_ns``, and tells the UE."""
    ue, task = sent.ue, sent.task
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
            body=Forward(ue.name, task, sent.trip, arrival),
            at_ns=arrival,
            phase=Phase.ARRIVAL,
            ue=ue.index,
            number=task.number,
            payload_bits=task.input_bits,
        ),
        moved(sent, target, now_ns),
        Record(row),
    ]


def _last_bit_ns(system: System, now_ns: int, bits: int, cuts: Sequence[Span]) -> int:
    """When a backhaul has moved ``bits``; while it is cut they stand still."""
    rate = system.backhaul.rate_bps
    if not cuts:
        return after_ns(now_ns, transfer_ns(bits, rate))
    return link.capped_end_ns(now_ns, bits, standing_still(cuts, rate), (0,), (rate,), FOREVER_NS)


def moved(sent: Sent, target: Es, now_ns: int, *, arrived: bool = False) -> Send:
    """The notice to the UE that its task is on its way to ``target``, or has ``arrived`` there."""
    notice = Moved(sent.ue.name, sent.task.number, target.name, now_ns, arrived)
    return Send(
        to=sent.ue.name,
        body=notice,
        at_ns=now_ns,
        phase=Phase.ARRIVAL,
        ue=sent.ue.index,
        number=sent.task.number,
    )
