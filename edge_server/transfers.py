"""How tasks travel to an ES and on to another: their link rows, and the messages of a second offload (sans-IO)."""

import msgspec

from edge_server.radio import Sent
from testbed.model import link
from testbed.model.cuts import standing_still
from testbed.model.delay import FOREVER_NS, after_ns, transfer_ns
from testbed.model.system import Es, System, Ue
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


class Onward(msgspec.Struct, frozen=True):
    """What was ``sent`` goes on to the ES of index ``target`` at ``at_ns``."""

    sent: Sent
    target: int
    at_ns: int


def arrival_ns(system: System, onward: Onward, es: int) -> int:
    """When what goes on from the ES of index ``es`` is at its target; while the backhaul is cut it stands still."""
    rate, bits = system.backhaul.rate_bps, onward.sent.task.input_bits
    cuts = system.cuts_between(es, onward.target)
    last_bit_ns = after_ns(onward.at_ns, transfer_ns(bits, rate))
    if cuts:
        last_bit_ns = link.capped_end_ns(onward.at_ns, bits, standing_still(cuts, rate), (0,), (rate,), FOREVER_NS)
    return last_bit_ns + system.backhaul.latency_ns


def forward(system: System, onward: Onward, es: Es, *, again: bool = False) -> list[Action]:
    """``es`` hands a task on over the backhaul, and tells the UE; ``again``: it is on its way, and comes at another
    instant than was said."""
    sent, now_ns, target = onward.sent, onward.at_ns, system.edge_servers[onward.target]
    ue, task, arrival = sent.ue, sent.task, arrival_ns(system, onward, es.index)
    send = Send(
        to=target.name,
        body=Forward(ue.name, task, sent.trip, arrival),
        at_ns=arrival,
        phase=Phase.ARRIVAL,
        ue=ue.index,
        number=task.number,
        payload_bits=0 if again else task.input_bits,
    )
    return [send] if again else [send, moved(sent, target, now_ns)]


def backhaul(system: System, ue: Ue, forward: Forward, es: Es) -> Record:
    """The row of the backhaul by which a task that was sent on has reached ``es``."""
    row = LinkRow(
        link=system.edge_servers[ue.cell].name,
        to=es.name,
        ue=ue.name,
        number=forward.task.number,
        bits=forward.task.input_bits,
        attempts=1,
        ready_ns=forward.trip.arrival_ns,
        start_ns=forward.trip.arrival_ns,
        end_ns=forward.arrival_ns - system.backhaul.latency_ns,
        arrival_ns=forward.arrival_ns,
    )
    return Record(row)


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
