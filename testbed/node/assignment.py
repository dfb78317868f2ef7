"""What a process is to play, as it travels: encoded once, told in pieces, put together again."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from testbed.model.errors import StartError
from testbed.model.system import Plan
from testbed.policy import loading
from testbed.protocol.messages import Orders

PIECE_BYTES = 1024 * 1024
PRIVATE = Path("node")


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, which names share a process, and the bytes of the policy's checkpoint for those who decide or learn.

    Processes that play one ``episode`` after another drop what the cores of earlier ones still say. A ``warm_up``
    is the episode before this one.
    """

    plan: Plan
    processes: dict[str, tuple[str, ...]]
    episode: int = 0
    warm_up: Plan | None = None
    policy: bytes = b""


def pieces(encoded: bytes) -> Iterator[Orders]:
    """An encoded assignment as messages, in order."""
    count = max(1, -(-len(encoded) // PIECE_BYTES))
    for piece in range(count):
        yield Orders(piece, count, encoded[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES])


class Pieces:
    """Puts the pieces of an assignment together."""

    def __init__(self) -> None:
        self._had: list[bytes] = []

    def take(self, orders: Orders) -> Assignment | None:
        """The assignment that this piece completes; None if others are missing.

        Raises one of `testbed.protocol.codec.UNDECODABLE` if what came together is none.
        """
        if orders.piece != len(self._had):
            self._had.clear()
        if orders.piece == len(self._had):
            self._had.append(orders.data)
        if len(self._had) < orders.pieces:
            return None
        encoded, self._had = b"".join(self._had), []
        return msgspec.msgpack.decode(encoded, type=Assignment)


def with_policy(assignment: Assignment, name: str, folder: Path = PRIVATE) -> Assignment:
    """``assignment`` with its policy's bytes in a file of process ``name`` in ``folder``, and its plans naming that."""
    plan = assignment.plan
    if not assignment.policy:
        return assignment
    path = folder / f"policy-{name}{Path(loading.checkpoint_of(plan.policy)).suffix}"
    path.write_bytes(assignment.policy)
    policy = loading.with_checkpoint(plan.policy, str(path))
    warm_up = assignment.warm_up
    if warm_up is not None and warm_up.policy == plan.policy:
        warm_up = msgspec.structs.replace(warm_up, policy=policy)
    plan = msgspec.structs.replace(plan, policy=policy)
    return msgspec.structs.replace(assignment, plan=plan, warm_up=warm_up, policy=b"")


def policy_bytes(plan: Plan, folder: Path) -> bytes:
    """The checkpoint that the policy of ``plan`` is loaded from, named relative to ``folder``; b"" if it has none.

    A user's own policy is code, not a checkpoint: it has to be where the controller runs. Raises `StartError`.
    """
    checkpoint = loading.checkpoint_of(plan.policy)
    if not checkpoint:
        return b""
    try:
        return (folder / checkpoint).read_bytes()
    except OSError as error:
        raise StartError(f"{checkpoint} cannot be read: {error.strerror or error}") from None
