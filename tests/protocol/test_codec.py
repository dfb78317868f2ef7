"""Whatever arrives, decoding gives an envelope whose values are in range, or a typed error in one line."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.model.task import Phase, Task
from testbed.protocol import codec
from testbed.protocol.codec import Envelope, FrameError, MalformedError, OversizedError, WrongVersionError
from testbed.protocol.crowd_messages import Asks, Decisions, Posts
from testbed.protocol.messages import (
    Announce,
    Ask,
    Bye,
    Chose,
    Forward,
    Heartbeat,
    Post,
    Result,
    Returns,
    Revise,
    Rows,
    Seen,
    Trip,
)
from testbed.protocol.rows import EventRow, TaskRow

TASK = Task(ue=3, number=1, generated_ns=5_000_000_000, input_bits=8, cycles=9, deadline_ns=10)
RESULT = Result(
    ue="ue-1-3",
    number=8,
    es="es-1",
    incarnation=1,
    trip=Trip(ready_ns=1, tx_start_ns=2, tx_end_ns=3, arrival_ns=4),
    es_arrival_ns=4,
    start_ns=5,
    end_ns=6,
    at_ns=7,
)
BODIES = [
    Ask(ue="ue-1-1", slot=3, at_ns=3, queue_ns=0, tasks=(TASK,)),
    Post("ue-1-1", TASK, 5),
    Bye("done"),
    Announce(
        es="es-1",
        slot=1,
        at_ns=1,
        backlog_ns=2,
        own_cycles=3,
        forwarded_cycles=4,
        air_cycles=5,
        senders=1,
        radio_wait_ns=(0, 7),
    ),
    Forward("ue-1-1", TASK, Trip(ready_ns=1, tx_start_ns=2, tx_end_ns=3, arrival_ns=4), 2**62),
    Asks(crowd="crowd-1-1", slot=3, at_ns=5, ues=(2, 3), queue_ns=(0, 9), last_choice=(-1, 1), tasks=(TASK,)),
    Decisions(slot=3, ues=(2, 3), choices=(0, 1), log_probabilities=(0.0, -0.5), version=4, asked_ns=5),
    Posts(ready_ns=6, ues=(2, 3), numbers=(0, 8), targets=(-1, 1)),
    Returns((RESULT, RESULT)),
    Heartbeat(9),
    Rows(
        (
            EventRow(1, "es-1", "died", "x", 0.5),
            TaskRow(
                ue="ue-1-1", number=1, cell=1, generated_ns=5, input_bits=8, cycles=9, deadline_ns=10, state="late"
            ),
        )
    ),
    Seen(cell=0, slot=3, version=1, features=(0.5, -1.0), tasks=(TASK,), chose=(Chose(0, 1, -0.5, (1.0, 2.0)),)),
]


def envelope(body, **changes):
    fields = {
        "version": codec.PROTOCOL_VERSION,
        "source": "ue-1-1",
        "incarnation": 0,
        "sequence": 1,
        "to": "es-1",
        "at_ns": 5,
        "phase": int(Phase.DECIDE),
        "ue": 0,
        "number": 1,
        "payload_bits": 800,
        "body": body,
    }
    return Envelope(**{**fields, **changes})


def integers(value):
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from integers(part)
    elif isinstance(value, msgspec.Struct):
        yield from integers(msgspec.structs.astuple(value))


def decoded_or_refused(frame):
    """Decode; what is decoded must be sound, what is refused must be refused in one line."""
    refusal = None
    try:
        decoded = codec.decode(frame)
    except FrameError as error:
        refusal = str(error)
    if refusal is not None:
        assert refusal and "\n" not in refusal
        return None
    assert isinstance(decoded, Envelope) and decoded.phase in tuple(Phase)
    assert all(-(2**63) <= number < 2**63 for number in integers(decoded))
    return decoded


@pytest.mark.parametrize("body", BODIES)
def test_every_message_survives_the_wire(body):
    sent = envelope(body, ack=7, to_incarnation=2)
    assert codec.decode(codec.encode(sent)) == sent
    assert codec.decode(memoryview(codec.encode(sent))) == sent


@given(st.binary(max_size=300))
def test_random_bytes_are_dropped_with_a_typed_error(data):
    assert decoded_or_refused(data) is None
    assert decoded_or_refused(codec.encode(envelope(BODIES[0]))[:2] + data) is None


@given(st.sampled_from(BODIES), st.data())
def test_damaged_frames_never_raise_anything_else(body, data):
    frame = bytearray(codec.encode(envelope(body)))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.one_of(st.just(len(frame)), st.integers(0, len(frame))))
    decoded = decoded_or_refused(bytes(frame[:cut]))
    assert decoded is None or cut == len(frame)


@given(st.sampled_from(BODIES), st.integers(0, 255).filter(lambda version: version != codec.PROTOCOL_VERSION))
def test_other_versions_are_named(body, version):
    frame = codec.encode(envelope(body))
    with pytest.raises(WrongVersionError, match=f"version {version}, this side speaks {codec.PROTOCOL_VERSION}"):
        codec.decode(frame[:1] + bytes([version]) + frame[2:])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phase", 7),
        ("phase", -1),
        ("payload_bits", 10**12),
        ("payload_bits", -1),
        ("at_ns", 2**62 + 1),
        ("at_ns", 2**64 - 1),
        ("sequence", -1),
        ("incarnation", -1),
        ("ack", -1),
        ("to_incarnation", -2),
        ("ue", -2),
        ("number", 2**63),
        ("source", 5),
        ("to", None),
    ],
)
def test_a_value_out_of_range_is_named(field, value):
    with pytest.raises(MalformedError, match=f"at `{field}`"):
        codec.decode(msgspec.msgpack.encode(envelope(BODIES[0], **{field: value})))


def test_numbers_of_a_message_fit_in_64_bits_with_sign():
    with pytest.raises(MalformedError, match="beyond 64 bits"):
        codec.decode(codec.encode(envelope(Post("ue-1-1", TASK, 2**63))))
    with pytest.raises(MalformedError, match="beyond 64 bits"):
        codec.decode(codec.encode(envelope(Rows((EventRow(2**64 - 1, "es-1", "died"),)))))
    packed = envelope(Revise(0, 1, b"\xcf\xff"))
    assert codec.decode(codec.encode(packed)) == packed
    lookalike = envelope(Bye("\u03ff"), source="\ufffd")
    assert codec.decode(codec.encode(lookalike)) == lookalike
    inside = envelope(Rows((EventRow(2**63 - 1, "\u03ff", "died", value=-1.5), EventRow(-(2**63), "es-1", "died"))))
    assert codec.decode(codec.encode(inside)) == inside


@pytest.mark.parametrize("body", BODIES)
def test_a_look_at_every_number_finds_nothing_wrong_with_any_message(body):
    assert codec._fits(codec.encode(envelope(body)))


def test_sizes_are_limited_on_both_sides():
    with pytest.raises(OversizedError, match="a Bye may have"):
        codec.encode(envelope(Bye("x" * 70_000)))
    with pytest.raises(OversizedError, match="a Bye may have"):
        codec.decode(msgspec.msgpack.encode(envelope(Bye("x" * 70_000))))
    with pytest.raises(OversizedError, match="no frame"):
        codec.decode(b"\x9d" + b"\x01" * (codec.MAX_LONG_HEADER + 1))
    telemetry = envelope(Rows((EventRow(1, "es-1", "note", "x" * 70_000),)))
    assert codec.decode(codec.encode(telemetry)) == telemetry


def test_a_length_that_the_frame_cannot_hold_allocates_nothing():
    frame = codec.encode(envelope(Rows(())))
    assert frame.count(b"Rows\x90") == 1
    with pytest.raises(MalformedError, match="body"):
        codec.decode(frame.replace(b"Rows\x90", b"Rows\xdd\xff\xff\xff\xff"))


def test_bottomless_nesting_is_refused():
    frame = codec.encode(envelope(Heartbeat(1)))
    deep = frame.replace(b"\x92\xa9Heartbeat\x01", b"\x93\xa9Heartbeat\x01" + b"\x91" * 50_000 + b"\x00")
    with pytest.raises(MalformedError, match="recursion"):
        codec.decode(deep)


def test_a_refusal_is_one_line_whatever_the_frame_says():
    frame = codec.encode(envelope(Heartbeat(1))).replace(b"Heartbeat", b"Heart\n\r\n\t")
    with pytest.raises(MalformedError) as refused:
        codec.decode(frame)
    assert "Heart" in str(refused.value) and str(refused.value).splitlines() == [str(refused.value)]


def test_a_frame_may_be_as_long_as_its_limit_and_no_byte_longer():
    def rows(length):
        return envelope(Rows((EventRow(1, "es-1", "died", "x" * length),)))

    spare = codec.MAX_LONG_HEADER - len(codec.encode(rows(2**16)))
    longest = codec.encode(rows(2**16 + spare))
    assert len(longest) == codec.MAX_LONG_HEADER and codec.decode(longest) == rows(2**16 + spare)
    with pytest.raises(OversizedError):
        codec.encode(rows(2**16 + spare + 1))
    with pytest.raises(OversizedError, match="no frame"):
        codec.decode(longest + b"x")


def test_two_bytes_are_enough_to_tell_another_version():
    frame = codec.encode(envelope(Bye("done")))
    with pytest.raises(WrongVersionError, match="version 99"):
        codec.decode(frame[:1] + bytes([99]))
    with pytest.raises(MalformedError, match="not an envelope"):
        codec.decode(frame[:1])


def test_a_refusal_names_the_field():
    names = Envelope.__struct_fields__
    for field, value in (
        ("version", codec.PROTOCOL_VERSION),
        ("incarnation", -1),
        ("payload_bits", -8),
        ("to_incarnation", -2),
    ):
        values = list(msgspec.structs.astuple(envelope(Bye("done"))))
        values[names.index("body")] = msgspec.msgpack.decode(msgspec.msgpack.encode(Bye("done")))
        values[names.index(field)] = value
        frame = msgspec.msgpack.encode(values)
        if field == "version":
            assert codec.decode(frame) == envelope(Bye("done"))
            continue
        with pytest.raises(MalformedError, match=f"at `{field}`"):
            codec.decode(frame)


def test_bytes_that_are_no_text_in_a_field_that_nobody_reads_are_refused_like_any_other():
    """Found by the fuzzer: a frame with a number beyond 64 bits is read a second time, with all that it carries."""
    frame = bytes.fromhex(
        f"9d{codec.PROTOCOL_VERSION:02x}a675652d332d350000a465732d33cf000000012a05f200050e05ce0039a6ee9fa4506f7374"
        "a675652d332d35960e05cf00000001"
        "2a05f200cecfffffffffffffffff39a6eece321b30bace64490000012a05f200ff00ff"
    )
    with pytest.raises(codec.MalformedError):
        codec.decode(frame)
