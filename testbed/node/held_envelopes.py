"""Envelopes that came before their payload: who sent them is heard in the order of sending, so later ones wait too."""

from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from testbed.node.payload_streams import PATIENCE_NS
from testbed.protocol.codec import Envelope


class HeldEnvelope(msgspec.Struct, frozen=True):
    """An envelope that waits for what its sender sent before, and for its payload at ``reference``, b"" if it has none;
    no longer than until a wall instant."""

    envelope: Envelope
    reference: bytes
    until_ns: int


class HeldEnvelopes:
    """The envelopes that wait, by the public key of the process that sent them."""

    def __init__(self) -> None:
        self._by_key: dict[str, deque[HeldEnvelope]] = {}

    def hold(self, key: str, envelope: Envelope, reference: bytes, now_ns: int) -> None:
        """Let an envelope wait until its payload has come, and those that its sender has sent before are released."""
        held = self._by_key.setdefault(key, deque())
        held.append(HeldEnvelope(envelope, reference, now_ns + PATIENCE_NS))

    def released(self, now_ns: int, has_come: Callable[[str, bytes], bool]) -> Iterator[tuple[Envelope, bool]]:
        """What need not wait any longer, and whether it has waited for its payload in vain.

        ``has_come`` tells whether the payload that the process with a key owes at a reference is there, or never will.
        """
        for key, held in self._by_key.items():
            while held:
                first = held[0]
                in_vain = bool(first.reference) and not has_come(key, first.reference)
                if in_vain and now_ns < first.until_ns:
                    break
                held.popleft()
                yield first.envelope, in_vain
