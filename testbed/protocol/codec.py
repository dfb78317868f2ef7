"""Envelopes on the wire: msgspec msgpack, versioned, limited in size; whatever is wrong with a frame has a type.

`encode` makes the header frame; real payload bytes, if any, travel as frames of their own behind it.
"""

import re
from typing import Annotated

import msgspec

from testbed.model.task import Phase
from testbed.protocol.crowd_messages import Asks, Decisions, Posts
from testbed.protocol.messages import Announce, Ask, Body, Kept, Orders, Returns, Revise, Rows, Seen

PROTOCOL_VERSION = 3
MAX_HEADER = 64 * 1024
MAX_LONG_HEADER = 4 * 1024 * 1024
# Those grow with the tasks of a slot or the UEs of a cell.
LONG = (Rows, Orders, Revise, Ask, Announce, Kept, Seen, Asks, Decisions, Posts, Returns)
OPAQUE = (Orders, Revise)  # their bytes may look like any number
MAX_PAYLOAD = 64 * 1024 * 1024
MAX_PAYLOAD_BITS = 8 * MAX_PAYLOAD
UNKNOWN = -1

Instant = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
Index = Annotated[int, msgspec.Meta(ge=-1, le=2**62)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Rank = Annotated[int, msgspec.Meta(ge=int(min(Phase)), le=int(max(Phase)))]
Bits = Annotated[int, msgspec.Meta(ge=0, le=MAX_PAYLOAD_BITS)]


# What bytes that make no sense may raise while they are decoded: text that is none, and nesting without a bottom, too.
UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)


class FrameError(Exception):
    """A frame that is dropped; the message says why in one line."""


class OversizedError(FrameError):
    """The frame is longer than its kind may be."""


class WrongVersionError(FrameError):
    """The frame speaks another version of the protocol."""


class MalformedError(FrameError):
    """The bytes are no envelope, or its values are out of range."""


class Envelope(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One message under way: handled at emulated instant ``at_ns`` in ``phase``, ordered by ``ue`` and ``number``.

    ``sequence`` counts a session's messages from 1 (0: not counted), ``incarnation`` is the sender's,
    ``payload_bits`` the size of the data that travels with it, or would if it were more than declared: then at most
    `MAX_PAYLOAD_BITS` is told. ``ack`` acknowledges the session's messages up
    to that number, and ``to_incarnation`` is the receiver's as far as the sender knows it.
    """

    version: int
    source: str
    incarnation: Count
    sequence: Count
    to: str
    at_ns: Instant
    phase: Rank
    ue: Index
    number: Index
    payload_bits: Bits
    body: Body
    ack: Count = 0
    to_incarnation: Index = UNKNOWN


_FIELDS = Envelope.__struct_fields__
_HEAD = 0x90 + len(_FIELDS)
_UNSIGNED = re.compile(rb"\xcf[\x80-\xff]", re.DOTALL)
Plain = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float | str | bool | None
_DEPTH = 8
_PLACE = re.compile(r"\$\[(\d+)\]")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def _nested(depth: int) -> object:
    """The type of plain values in lists of lists, ``depth`` of them: no message has more than five."""
    return Plain if depth == 0 else Plain | list[_nested(depth - 1)]  # type: ignore[misc]


_signed_decoder = msgspec.msgpack.Decoder(_nested(_DEPTH))


def encode(envelope: Envelope) -> bytes:
    """The header frame; `OversizedError` if it is too long to be sent."""
    frame = _encoder.encode(envelope)
    if len(frame) > MAX_HEADER:
        _check_size(len(frame), envelope.body)
    return frame


def decode(frame: bytes | memoryview) -> Envelope:
    """The envelope of a header frame; raises `OversizedError`, `WrongVersionError` or `MalformedError` only."""
    size = len(frame)
    if size > MAX_LONG_HEADER:
        raise OversizedError(f"{size} bytes; no frame may exceed {MAX_LONG_HEADER}")
    if size < 2 or frame[0] != _HEAD:
        raise MalformedError("not an envelope")
    if frame[1] != PROTOCOL_VERSION:
        raise WrongVersionError(f"protocol version {frame[1]}, this side speaks {PROTOCOL_VERSION}")
    try:
        envelope = _decoder.decode(frame)
    except UNDECODABLE as error:
        raise MalformedError(" ".join(_PLACE.sub(_field, str(error), count=1).split())) from None
    if size > MAX_HEADER:
        _check_size(size, envelope.body)
    if not isinstance(envelope.body, OPAQUE) and _UNSIGNED.search(frame) and not _fits(frame):
        raise MalformedError("a number of the message is beyond 64 bits with sign")
    return envelope


def _check_size(size: int, body: Body) -> None:
    limit = MAX_LONG_HEADER if isinstance(body, LONG) else MAX_HEADER
    if size > limit:
        raise OversizedError(f"{size} bytes; a {type(body).__name__} may have {limit}")


def _field(place: re.Match[str]) -> str:
    """A decoder's ``$[6]`` as the name of the envelope's seventh field; its first byte says that it has no more."""
    return _FIELDS[int(place[1])]


def _fits(frame: bytes | memoryview) -> bool:
    """Whether every integer of an envelope's ``frame`` fits in 64 bits with sign, as the record needs, and every text,
    of fields that no envelope has too, is one.

    The frame is read once more as plain values with that limit: half a million of them take a tenth of a second.
    """
    try:
        _signed_decoder.decode(frame)
    except UNDECODABLE:
        return False
    return True
