"""Whatever arrives, decoding gives an envelope or a typed error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.model.task import Phase, Task
from testbed.protocol import codec
from testbed.protocol.codec import Envelope, FrameError, Malformed, Oversized, WrongVersion
from testbed.protocol.messages import Announce, Ask, Bye, EventRow, Post, Rows

TASK = Task(3, 1, 5, 8, 9, 10)
BODIES = [
    Ask("ue-1-1", 3, 3, 0, (TASK,)), Post("ue-1-1", TASK, 5), Bye("done"), Announce("es-1", 1, 1, 2, 3, 4, 5, 1, (0, 7)),
    Rows((EventRow(1, "es-1", "died", "x", 0.5),)),
]  # fmt: skip


def envelope(body, **changes):
    fields = {
        "version": 1, "source": "ue-1-1", "incarnation": 0, "sequence": 1, "to": "es-1", "at_ns": 5,
        "phase": int(Phase.DECIDE), "ue": 0, "number": 1, "payload_bits": 800, "body": body,
    }  # fmt: skip
    return Envelope(**{**fields, **changes})


@pytest.mark.parametrize("body", BODIES)
def test_every_message_survives_the_wire(body):
    assert codec.decode(codec.encode(envelope(body))) == envelope(body)


@given(st.binary(max_size=300))
def test_random_bytes_are_dropped_with_a_typed_error(data):
    with pytest.raises(FrameError):
        codec.decode(data)


@given(st.sampled_from(BODIES), st.data())
def test_damaged_frames_never_raise_anything_else(body, data):
    frame = bytearray(codec.encode(envelope(body)))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    try:
        decoded = codec.decode(bytes(frame[:cut]))
    except FrameError:
        return
    assert isinstance(decoded, Envelope)


def test_each_mistake_has_its_type():
    frame = codec.encode(envelope(BODIES[0]))
    with pytest.raises(WrongVersion, match="version 2"):
        codec.decode(frame[:1] + b"\x02" + frame[2:])
    with pytest.raises(Malformed, match="phase 9"):
        codec.decode(msgspec.msgpack.encode(envelope(BODIES[0], phase=9)))
    with pytest.raises(Malformed, match="payload"):
        codec.decode(msgspec.msgpack.encode(envelope(BODIES[0], payload_bits=10**12)))
    with pytest.raises(Malformed, match="instant"):
        codec.decode(msgspec.msgpack.encode(envelope(BODIES[0], at_ns=2**62)))
    with pytest.raises(Malformed):
        codec.decode(msgspec.msgpack.encode(envelope(BODIES[0], sequence=-1)))
    with pytest.raises(Oversized, match="a Bye may have"):
        codec.encode(envelope(Bye("x" * 70_000)))
    with pytest.raises(Oversized, match="a Bye may have"):
        codec.decode(msgspec.msgpack.encode(envelope(Bye("x" * 70_000))))
    with pytest.raises(Oversized, match="no frame"):
        codec.decode(b"\x9b" + b"\x01" * (codec.MAX_TELEMETRY + 1))
