"""Envelopes on the wire: msgspec msgpack, versioned, limited in size; whatever is wrong with a frame has a type.

`encode` makes the header frame; real payload bytes, if any, travel as a second frame of their own.
"""

import msgspec

from testbed.model.task import Phase
from testbed.protocol.messages import Body, Rows

PROTOCOL_VERSION = 1
MAX_HEADER = 64 * 1024
MAX_TELEMETRY = 4 * 1024 * 1024
MAX_PAYLOAD = 64 * 1024 * 1024
_LIMIT = 2**62


class FrameError(Exception):
    """A frame that is dropped; the message says why in one line."""


class Oversized(FrameError):
    """The frame is longer than its kind may be."""


class WrongVersion(FrameError):
    """The frame speaks another version of the protocol."""


class Malformed(FrameError):
    """The bytes are no envelope, or its values are out of range."""


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """One message under way: handled at emulated instant ``at_ns`` in ``phase``, ordered by ``ue`` and ``number``.

    ``sequence`` counts a session's messages from 1 (0: not counted), ``incarnation`` is the sender's,
    ``payload_bits`` the declared size of the data that travels with it.
    """

    version: int
    source: str
    incarnation: int
    sequence: int
    to: str
    at_ns: int
    phase: int
    ue: int
    number: int
    payload_bits: int
    body: Body


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """The header frame; `Oversized` if it is too long to be sent."""
    frame = _encoder.encode(envelope)
    _check_size(len(frame), envelope.body)
    return frame


def decode(frame: bytes | memoryview) -> Envelope:
    """The envelope of a header frame; raises `Oversized`, `WrongVersion` or `Malformed`, and nothing else."""
    size = len(frame)
    if size > MAX_TELEMETRY:
        raise Oversized(f"{size} bytes; no frame may exceed {MAX_TELEMETRY}")
    _check_version(frame)
    try:
        envelope = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError, ValueError) as error:
        raise Malformed(str(error)) from None
    _check_size(size, envelope.body)
    if not -_LIMIT < envelope.at_ns < _LIMIT:
        raise Malformed(f"instant {envelope.at_ns} out of range")
    if not Phase.FAULT <= envelope.phase <= Phase.START:
        raise Malformed(f"phase {envelope.phase} out of range")
    if not 0 <= envelope.payload_bits <= 8 * MAX_PAYLOAD:
        raise Malformed(f"payload of {envelope.payload_bits} bits out of range")
    if envelope.sequence < 0 or envelope.incarnation < 0:
        raise Malformed("negative sequence or incarnation")
    return envelope


def _check_size(size: int, body: Body) -> None:
    limit = MAX_TELEMETRY if isinstance(body, Rows) else MAX_HEADER
    if size > limit:
        raise Oversized(f"{size} bytes; a {type(body).__name__} may have {limit}")


def _check_version(frame: bytes | memoryview) -> None:
    """An envelope is a msgpack array of 11 whose first element is the version."""
    if len(frame) < 2 or frame[0] != 0x9B:
        raise Malformed("not an envelope")
    found = frame[1]
    if found != PROTOCOL_VERSION:
        raise WrongVersion(f"protocol version {found}, this side speaks {PROTOCOL_VERSION}")
