"""What crowds say and are told, and the single messages that it stands for: one message instead of hundreds."""

from collections.abc import Iterator
from operator import attrgetter

import msgspec

from testbed.model.system import Plan
from testbed.model.task import ARRIVAL, DECIDE, Phase
from testbed.protocol.actions import Send
from testbed.protocol.codec import Envelope
from testbed.protocol.crowd_messages import Posts
from testbed.protocol.messages import Body, Post, Result, Returns
from testbed.protocol.placement import crowd_by_ue


class Bundles:
    """The crowds of ``plan``: results for them are held until they are `closed`, and what they say is `opened`."""

    def __init__(self, plan: Plan) -> None:
        self.crowd_of = crowd_by_ue(plan)
        self._held: dict[tuple[str, str], list[Result]] = {}
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """The plan is another one from some instant to come on."""
        self._names = [ue.name for ue in plan.system.ues]
        self._index = {ue.name: ue.index for ue in plan.system.ues}
        self._tasks = plan.tasks_by_ue() if self.crowd_of else ()

    def opened(self, envelope: Envelope) -> Iterator[Envelope]:
        """The messages of single UEs that ``envelope`` stands for, as they would have sent or received them; what does
        not make sense is left as it is, for nobody to take."""
        body = envelope.body
        if isinstance(body, Posts):
            return self._posts(envelope, body)
        return self._results(envelope, body) if isinstance(body, Returns) else iter((envelope,))

    def _posts(self, envelope: Envelope, posts: Posts) -> Iterator[Envelope]:
        if not len(posts.ues) == len(posts.numbers) == len(posts.targets):
            yield envelope
            return
        for ue, number, target in zip(posts.ues, posts.numbers, posts.targets, strict=True):
            name = self._names[ue] if 0 <= ue < len(self._names) else ""
            if self.crowd_of.get(name) != envelope.source or not 0 <= number < len(self._tasks[ue]):
                yield envelope
                return
            post = Post(name, self._tasks[ue][number], posts.ready_ns, target)
            yield _single(envelope, post, posts.ready_ns, DECIDE, (ue, number), source=name)

    def _results(self, envelope: Envelope, returns: Returns) -> Iterator[Envelope]:
        for result in returns.results:
            if self.crowd_of.get(result.ue) != envelope.to:
                yield envelope
                return
            place = self._index[result.ue], result.number
            yield _single(envelope, result, result.at_ns, ARRIVAL, place, to=result.ue)

    def holds(self, source: str, send: Send) -> bool:
        """Whether ``send`` is a result for a UE of a crowd, to go with others."""
        if not isinstance(send.body, Result) or send.to not in self.crowd_of:
            return False
        self._held.setdefault((source, self.crowd_of[send.to]), []).append(send.body)
        return True

    def closed(self) -> Iterator[tuple[str, Send]]:
        """The results that were held: by whom they are told, and what goes to each crowd."""
        held, self._held = self._held, {}
        for (source, crowd), results in held.items():
            earliest = min(map(attrgetter("at_ns"), results))
            yield source, Send(to=crowd, body=Returns(tuple(results)), at_ns=earliest, phase=ARRIVAL)


def _single(
    envelope: Envelope,
    body: Body,
    at_ns: int,
    phase: Phase,
    place: tuple[int, int],
    *,
    source: str | None = None,
    to: str | None = None,
) -> Envelope:
    """``envelope`` with the ``body`` of a single message, at its ``place`` (UE and task number) in the order."""
    return msgspec.structs.replace(
        envelope,
        source=source or envelope.source,
        to=to or envelope.to,
        at_ns=at_ns,
        phase=int(phase),
        ue=place[0],
        number=place[1],
        body=body,
    )
