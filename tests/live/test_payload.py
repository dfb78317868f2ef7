"""Tasks too large for a message: real payload is refused before a run, a declared size is not, a clock without frames
does not care."""

import select

import pytest

from testbed.experiments import runner
from testbed.experiments.runner import Order
from testbed.gym.config import make
from testbed.gym.live import LiveBackend
from testbed.model.errors import ScenarioError
from testbed.protocol.codec import MAX_PAYLOAD_BITS, PROTOCOL_VERSION, Envelope
from testbed.protocol.messages import Heartbeat
from testbed.record.backends import TESTBED, VIRTUAL
from testbed.scenario.load import parse_scenario
from testbed.trace import inputs
from tests.command import call
from tests.mailboxes import mailbox, places

TEXT = """
slots: 2
density: 1
task: {{input: {bits} bit, cycles: 1 M}}
radio: {{trace: {{durations: [1 s], rates: [1 Gbit/s]}}}}
cells: [{{es: {{cpu: 1 GHz}}, ues: 1}}]
emulation: {{payload: {payload}, drain_limit: 5 s}}
"""


def order(bits, payload, backend):
    resolved = inputs.resolve(parse_scenario(TEXT.format(bits=bits, payload=payload)))
    return Order(
        resolved=resolved,
        workload=inputs.generate(resolved.scenario, resolved.system),
        policy="offload",
        backend=backend,
    )


def test_the_largest_message_passes_and_one_byte_more_is_refused_live():
    assert runner.planned(order(MAX_PAYLOAD_BITS, "real", TESTBED), double=False).workload
    with pytest.raises(ScenarioError, match="task 0 of ue-1-1 has 537 Mbit of input") as caught:
        runner.planned(order(MAX_PAYLOAD_BITS + 8, "real", TESTBED), double=False)
    assert "64 MiB" in caught.value.message and "--set emulation.payload=declared" in caught.value.remedy


def test_a_declared_size_and_a_clock_without_frames_have_no_limit():
    assert runner.planned(order(2**45, "declared", TESTBED), double=False).workload
    for backend in VIRTUAL:
        assert runner.planned(order(2**45, "real", backend), double=False).workload


def test_check_says_so_and_an_environment_refuses(tmp_path):
    (tmp_path / "big.yaml").write_text(TEXT.format(bits=8 * 10**8, payload="real"), encoding="utf-8")
    output = call("check", "big.yaml", cwd=tmp_path, code=None).stdout
    assert "64 MiB" in output and "it fits" not in output
    with pytest.raises(ScenarioError, match="64 MiB"):
        LiveBackend(make(tmp_path / "big.yaml"))


def test_a_declared_size_of_any_length_arrives(tmp_path):
    addresses = places(tmp_path, *"ab")
    a, b = mailbox(addresses, "a"), mailbox(addresses, "b")
    a.send(
        Envelope(
            version=PROTOCOL_VERSION,
            source="a",
            incarnation=0,
            sequence=1,
            to="b",
            at_ns=0,
            phase=0,
            ue=0,
            number=0,
            payload_bits=2**50,
            body=Heartbeat(1),
        )
    )
    poll = select.poll()
    poll.register(b.fd, select.POLLIN)
    while (addresses := next(b.take(), None)) is None:
        assert poll.poll(5000), "nothing came"
    a.close()
    b.close()
    assert addresses.payload_bits == MAX_PAYLOAD_BITS and b.dropped == 0
