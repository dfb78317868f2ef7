"""Messages that grow with the tasks of a slot or the UEs of a cell: they travel, or the run is refused before."""

import msgspec
import pytest

from testbed.live import payload
from testbed.model.errors import ScenarioError
from testbed.model.task import Task
from testbed.node.socket import envelope
from testbed.policy import network
from testbed.protocol import codec
from testbed.protocol.codec import OversizedError
from testbed.protocol.messages import Announce, Ask, Bye, Chose, Heartbeat, Kept, Seen
from testbed.record.backends import SIM, TESTBED
from tests.command import document
from tests.mailboxes import mailbox, places
from tests.support import plan, system, task_of

LARGEST = 2**53
TASK = Task(ue=2**31, number=2**31, generated_ns=2**62, input_bits=LARGEST, cycles=LARGEST, deadline_ns=2**62)
CHOSE = Chose(2**31, 1, -0.5, (0.1,) * network.INPUTS)
BURST = """
{slots: 2, slot: 2 s, density: 2500, workload: {arrivals: poisson}, cells: [{ues: 1, es: {cpu: 100 GHz}}],
task: {input: 1 kbit, cycles: 1 M, deadline: 100 s}, emulation: {payload: declared, burn: 0, drain_limit: 600 s}}
"""


def crowd(count):
    """So many tasks of one UE in one slot."""
    hardware = system(slots=2)
    return plan(hardware, [task_of(0, n) for n in range(count)])


@pytest.mark.parametrize(
    "body",
    [
        Ask(ue="ue-1-1", slot=0, at_ns=0, queue_ns=0, tasks=(TASK,) * (codec.MAX_LONG_HEADER // payload.TASK_BYTES)),
        Announce(es="es-1", slot=0, at_ns=0, radio_wait_ns=(2**62,) * 100_000),
        Kept(at_ns=0, ues=tuple(range(100_000))),
        Seen(cell=0, slot=0, version=0, features=(), chose=(CHOSE,) * (codec.MAX_LONG_HEADER // payload.UE_BYTES)),
    ],
    ids=lambda body: type(body).__name__,
)
def test_what_is_said_of_a_large_cell_or_a_full_slot_fits_in_a_frame(body):
    frame = codec.encode(envelope("ue-1-1", 0, "es-1", body))
    assert len(frame) > codec.MAX_HEADER and codec.decode(frame).body == body


def test_more_tasks_in_a_slot_than_a_frame_can_ask_about_are_refused_before_a_live_run():
    most = codec.MAX_LONG_HEADER // payload.TASK_BYTES
    payload.refuse(crowd(most))
    with pytest.raises(ScenarioError, match=f"ue-1-1 has {most + 1:,} tasks in the slot before 0 s"):
        payload.refuse(crowd(most + 1))


def test_a_cell_with_too_many_tasks_to_learn_from_is_refused_only_where_something_learns():
    hardware = system(slots=2)
    full = plan(hardware, [task_of(ue, n) for n in range(40_000) for ue in range(2)])
    assert payload.crowded(full) == ""
    assert "too many to learn from" in payload.crowded(msgspec.structs.replace(full, learn=True))


def test_a_frame_that_is_too_long_does_not_keep_the_next_from_being_sent(tmp_path):
    a = mailbox(places(tmp_path, *"ab"), "a")
    with pytest.raises(OversizedError):
        a.send(envelope("a", 0, "b", Bye("x" * codec.MAX_HEADER)))
    a.send(envelope("a", 0, "b", Heartbeat(1)))
    assert a.unsent == 0
    a.close()


@pytest.mark.live
def test_a_slot_with_thousands_of_tasks_is_played_by_processes(tmp_path):
    (tmp_path / "burst.yaml").write_text(BURST)
    run = ("run", "burst.yaml", "--policy", "offload")
    live, exact = (document(*run, "--backend", b, "--out", b, cwd=tmp_path) for b in (TESTBED, SIM))
    assert live["tasks"]["generated"] == exact["tasks"]["generated"] > 2 * codec.MAX_HEADER // payload.TASK_BYTES
    assert live["tasks"]["failed"] == 0 == live["tasks"]["unaccounted"]
