"""Messages against the plan: what a role's core may be told, and by whom (pure).

A frame can be sound and its content still nonsense: an ES that does not exist, a task that nobody has, an instant a
thousand years ahead. `Validator.refusal` looks at every field of a message before a core sees it, so that a core can
take what it is told for granted. It is no protection against somebody who imitates a role well.
"""

import math
from collections.abc import Callable
from itertools import pairwise

from testbed.model import link, transmission
from testbed.model.delay import duration_ns, transfer_ns
from testbed.model.system import CONTROLLER, LAUNCHER, SHARED, Es, Plan, Ue
from testbed.model.targets import UNCHOSEN
from testbed.model.task import COMPLETED, FAILED, LATE, Phase
from testbed.protocol import crowded
from testbed.protocol.bounds import Bounds, RefusedError, longest_standstill_ns, need, ordered, placed, sent_by
from testbed.protocol.codec import Envelope
from testbed.protocol.crowd_messages import Asks, Decisions
from testbed.protocol.messages import (
    Aired,
    Announce,
    Ask,
    Decision,
    Down,
    Forward,
    Heartbeat,
    Kept,
    Moved,
    Outcome,
    Post,
    Result,
    Seen,
    Trip,
    Up,
)

FALLBACKS = ("", "timeout", "controller lost", "policy error")
ENDS = (COMPLETED, LATE, FAILED)
INCARNATIONS = 2**31
TO_CROWD = (Decisions, Down, Up, Heartbeat)
TO_UE = (Decision, Moved, Aired, Result, Down, Up, Heartbeat)
TO_ES = (Post, Kept, Forward, Announce, Down, Up, Heartbeat)
TO_CONTROLLER = (Ask, Asks, Announce, Down, Up, Heartbeat)
TO_LEARNER = (Seen, Outcome, Down, Up, Heartbeat)


class Validator:
    """What may be said in ``plan`` to the cores of one process.

    It remembers what may come once only: each task's post, forward and result, and each announcement.
    """

    def __init__(self, plan: Plan) -> None:
        self._revisions = -1
        self.follow(plan)
        self._back_ns = max((fault.restart_ns for fault in plan.faults), default=0)
        self._announced: dict[str, int] = {}
        self._posts_again = plan.system.resilience.posts_again
        self._had: set[tuple[type, int, int, int]] = set()
        self._checks: dict[type, Callable[[Envelope], None]] = {
            Ask: self._ask,
            Asks: self._asks,
            Decisions: self._decisions,
            Decision: self._decision,
            Post: self._post,
            Kept: self._kept,
            Forward: self._forward,
            Moved: self._moved,
            Aired: self._aired,
            Result: self._result,
            Announce: self._announce,
            Down: self._fault,
            Up: self._fault,
            Outcome: self._outcome,
            Seen: self._seen,
        }

    def follow(self, plan: Plan) -> None:
        """The plan is another one from some instant to come on."""
        self._plan, self._system = plan, plan.system
        self._bounds = Bounds(plan)
        self._held_up_ns = longest_standstill_ns(plan.system)
        self._revisions += 1

    def refusal(self, envelope: Envelope, now_ns: int) -> str:
        """Why the core ``envelope.to`` must not be told this at ``now_ns`` of emulated time; "" if it may."""
        self._bounds.now_ns = now_ns
        try:
            if not isinstance(envelope.body, self._may_hear(envelope.to)):
                raise RefusedError(f"nothing that {envelope.to} is told")
            check = self._checks.get(type(envelope.body))
            if check is not None:
                check(envelope)
        except RefusedError as refused:
            return str(refused)
        return ""

    def _may_hear(self, to: str) -> tuple[type, ...]:
        if to in self._bounds.ues:
            return TO_UE
        if to in self._bounds.edge_servers:
            return TO_ES
        if to in self._bounds.crowds:
            return TO_CROWD
        return TO_CONTROLLER if to == CONTROLLER else TO_LEARNER

    def _once(self, kind: type, ue: Ue, number: int, at_ns: int) -> None:
        """It comes once; where the plan has changed, or UEs post rejected tasks again, once for each instant ``at_ns``
        at which it was to arrive."""
        at_ns = at_ns if self._revisions or self._posts_again else 0
        if (kind, ue.index, number, at_ns) in self._had:
            raise RefusedError(f"that of task {number} of {ue.name} came before")
        self._had.add((kind, ue.index, number, at_ns))

    def _trip(self, ue: Ue, number: int, trip: Trip) -> None:
        asked = self._system.asked_ns(self._bounds.task(ue, number))
        ordered(asked, trip.ready_ns, trip.tx_start_ns, trip.tx_end_ns, trip.arrival_ns)
        need(holds=1 <= trip.attempts <= link.MAX_ATTEMPTS, why="it was sent impossibly often")
        need(holds=0 <= trip.late_ns <= trip.arrival_ns, why="it cannot be so late")
        self._bounds.by_now(trip.arrival_ns)

    # Messages --------------------------------------------------------------------------------------------------------

    def _ask(self, envelope: Envelope) -> None:
        ask: Ask = envelope.body  # type: ignore[assignment]
        ue = self._bounds.ue(ask.ue)
        sent_by(envelope, ue.name)
        self._bounds.slot(ask.slot, ask.at_ns)
        need(holds=envelope.at_ns == ask.at_ns, why="its instant is not that of its content")
        for before, task in pairwise(ask.tasks):
            need(holds=before.number < task.number, why="its tasks are out of order")
        for task in ask.tasks:
            self._bounds.known(ue, task)
            need(holds=self._system.asked_ns(task) == ask.at_ns, why="its tasks are not asked about then")
        most = self._bounds.local_work_ns(ue) + self._bounds.elapsed_ns(0)
        need(holds=0 <= ask.queue_ns <= most, why="its UE has not so much to do")
        need(holds=-1 <= ask.last_choice < self._system.actions, why="there is no such choice")

    def _asks(self, envelope: Envelope) -> None:
        asks: Asks = envelope.body  # type: ignore[assignment]
        sent_by(envelope, asks.crowd)
        need(holds=envelope.at_ns == asks.at_ns, why="its instant is not that of its content")
        crowded.check_asks(self._bounds, asks)

    def _decisions(self, envelope: Envelope) -> None:
        decisions: Decisions = envelope.body  # type: ignore[assignment]
        sent_by(envelope, CONTROLLER)
        need(holds=decisions.fallback in FALLBACKS, why="there is no such reason to fall back")
        crowded.check_decisions(self._bounds, envelope.to, decisions)

    def _decision(self, envelope: Envelope) -> None:
        decision: Decision = envelope.body  # type: ignore[assignment]
        sent_by(envelope, CONTROLLER)
        need(holds=decision.ue == envelope.to, why="it is about another UE")
        self._bounds.slot(decision.slot, decision.asked_ns)
        need(holds=0 <= decision.choice < self._system.actions, why="there is no such choice")
        need(holds=decision.fallback in FALLBACKS, why="there is no such reason to fall back")
        need(holds=decision.version >= 0, why="there is no such version")
        need(
            holds=math.isfinite(decision.log_probability) and decision.log_probability <= 1e-9,
            why="it is no log-probability",
        )

    def _post(self, envelope: Envelope) -> None:
        post: Post = envelope.body  # type: ignore[assignment]
        ue = self._bounds.ue(post.ue)
        sent_by(envelope, ue.name)
        need(holds=envelope.to == self._bounds.own_es(ue), why="its UE belongs to another cell")
        self._bounds.known(ue, post.task)
        asked = self._system.asked_ns(post.task)
        need(holds=asked <= post.ready_ns <= asked + self._bounds.elapsed_ns(asked), why="it cannot be ready then")
        most = len(self._system.edge_servers) if self._system.chosen_target else 0
        least = 0 if self._system.chosen_target else UNCHOSEN
        need(holds=least <= post.target < most, why="there is no such target")
        placed(envelope, post.ready_ns, Phase.DECIDE, ue.index, post.task.number)
        self._once(Post, ue, post.task.number, post.ready_ns)

    def _kept(self, envelope: Envelope) -> None:
        kept: Kept = envelope.body  # type: ignore[assignment]
        sent_by(envelope, CONTROLLER)
        cell = {ue.index for ue in self._bounds.cells[self._bounds.edge_servers[envelope.to].index]}
        need(holds=cell.issuperset(kept.ues), why="it is about UEs of another cell")
        need(holds=kept.at_ns >= 0, why="there is no such slot")
        self._bounds.by_now(kept.at_ns)

    def _forward(self, envelope: Envelope) -> None:
        forward: Forward = envelope.body  # type: ignore[assignment]
        ue, backhaul = self._bounds.ue(forward.ue), self._system.backhaul
        own = self._bounds.own_es(ue)
        sent_by(envelope, own)
        need(holds=self._plan.second_offload and envelope.to != own, why="nothing is sent on to there")
        self._bounds.known(ue, forward.task)
        self._trip(ue, forward.task.number, forward.trip)
        way = transfer_ns(forward.task.input_bits, backhaul.rate_bps) + backhaul.latency_ns
        need(holds=forward.arrival_ns >= forward.trip.arrival_ns + way, why="it cannot arrive so early")
        self._bounds.by_now(forward.arrival_ns, way + self._held_up_ns)
        placed(envelope, forward.arrival_ns, Phase.ARRIVAL, ue.index, forward.task.number)
        self._once(Forward, ue, forward.task.number, forward.arrival_ns)

    def _moved(self, envelope: Envelope) -> None:
        moved: Moved = envelope.body  # type: ignore[assignment]
        ue = self._to_its_ue(envelope, moved.ue, moved.number)
        sent_by(envelope, moved.es if moved.arrived else self._bounds.own_es(ue))
        if moved.es != ue.name or not self._system.resilience.recovers_from_cuts:
            self._served(ue, self._bounds.es(moved.es))
        need(holds=envelope.at_ns == moved.at_ns >= 0, why="its instant is not that of its content")
        self._bounds.by_now(moved.at_ns)

    def _aired(self, envelope: Envelope) -> None:
        aired: Aired = envelope.body  # type: ignore[assignment]
        ue = self._to_its_ue(envelope, aired.ue, aired.number)
        sent_by(envelope, self._bounds.own_es(ue))
        need(holds=self._system.radio.access == SHARED, why="only a shared radio says that")
        need(holds=envelope.at_ns == aired.at_ns >= 0, why="its instant is not that of its content")
        self._bounds.by_now(aired.at_ns)

    def _result(self, envelope: Envelope) -> None:
        result: Result = envelope.body  # type: ignore[assignment]
        ue, es = self._to_its_ue(envelope, result.ue, result.number), self._bounds.es(result.es)
        sent_by(envelope, es.name)
        self._served(ue, es)
        need(holds=0 <= result.incarnation < INCARNATIONS, why="there is no such incarnation")
        self._trip(ue, result.number, result.trip)
        ordered(result.trip.arrival_ns, result.es_arrival_ns, result.start_ns, result.end_ns, result.at_ns)
        way = transmission.longest_return_ns(self._system, ue, result.number)
        self._bounds.by_now(result.at_ns, way + self._held_up_ns)
        placed(envelope, result.at_ns, Phase.ARRIVAL, ue.index, result.number)
        self._once(Result, ue, result.number, result.at_ns)

    def _to_its_ue(self, envelope: Envelope, name: str, number: int) -> Ue:
        ue = self._bounds.ue(name)
        need(holds=name == envelope.to, why="it is about another UE")
        self._bounds.task(ue, number)
        return ue

    def _served(self, ue: Ue, es: Es) -> None:
        need(holds=self._plan.second_offload or es.index == ue.cell, why="nothing is sent on to there")

    def _announce(self, envelope: Envelope) -> None:
        news: Announce = envelope.body  # type: ignore[assignment]
        es = self._bounds.es(news.es)
        sent_by(envelope, es.name)
        need(
            holds=news.slot >= 0 and news.at_ns == news.slot * self._system.slot_ns, why="its instant is not its slot's"
        )
        self._bounds.by_now(news.at_ns)
        need(holds=envelope.to != es.name, why="nobody tells itself")
        need(holds=news.slot > self._announced.get(es.name, -1), why="this one or a later one came before")
        cycles = (news.own_cycles, news.forwarded_cycles, news.air_cycles)
        need(holds=min(cycles) >= 0 and max(cycles) <= self._bounds.cycles, why="there is not so much work")
        need(
            holds=0 <= news.backlog_ns <= duration_ns(self._bounds.cycles, es.slowest_hz) + len(self._plan.workload),
            why="there is not so much work",
        )
        cell = self._bounds.cells[es.index]
        told = len(cell) if envelope.to == CONTROLLER else 0
        need(
            holds=0 <= news.senders <= len(cell) and len(news.radio_wait_ns) == told,
            why="the cell has another number of UEs",
        )
        need(holds=min(news.radio_wait_ns, default=0) >= 0, why="nobody waits for less than no time")
        placed(envelope, news.at_ns, Phase.ANNOUNCE, es.index, 0)
        self._announced[es.name] = news.slot

    def _fault(self, envelope: Envelope) -> None:
        notice: Down | Up = envelope.body  # type: ignore[assignment]
        sent_by(envelope, LAUNCHER)
        known = (
            notice.name in self._bounds.ues
            or notice.name in self._bounds.edge_servers
            or notice.name in (CONTROLLER, *self._plan.learning.names)
        )
        need(holds=known and notice.name != envelope.to, why=f"no other process is called {notice.name[:40]!r}")
        need(holds=0 <= notice.incarnation < INCARNATIONS, why="there is no such incarnation")
        need(holds=envelope.at_ns == notice.at_ns, why="its instant is not that of its content")
        back_ns = self._back_ns - self._bounds.now_ns if isinstance(notice, Up) else 0
        self._bounds.by_now(notice.at_ns, max(0, back_ns))

    def _outcome(self, envelope: Envelope) -> None:
        told: Outcome = envelope.body  # type: ignore[assignment]
        ue = self._bounds.ue(told.ue)
        sent_by(envelope, self._bounds.speaker(ue))
        self._bounds.known(ue, told.task)
        need(
            holds=told.slot == self._system.asked_ns(told.task) // self._system.slot_ns,
            why="it was decided in another slot",
        )
        need(holds=0 <= told.choice < self._system.actions, why="there is no such choice")
        need(holds=told.fallback in FALLBACKS and told.state in ENDS, why="no task ends like that")
        ordered(self._system.asked_ns(told.task), told.finished_ns)
        need(holds=envelope.at_ns == told.finished_ns, why="its instant is not that of its content")
        self._bounds.by_now(told.finished_ns)
        for ns in (told.delay_ns, told.airtime_ns, told.think_ns):
            need(holds=0 <= ns <= self._bounds.elapsed_ns(0), why="it cannot have taken so long")
        ordered(-1, told.tx_start_ns, told.finished_ns)
        need(holds=math.isfinite(told.energy_j) and told.energy_j >= 0.0, why="there is no such energy")

    def _seen(self, envelope: Envelope) -> None:
        seen: Seen = envelope.body  # type: ignore[assignment]
        sent_by(envelope, CONTROLLER)
        need(holds=0 <= seen.cell < len(self._bounds.cells), why="there is no such cell")
        self._bounds.slot(seen.slot, seen.slot * self._system.slot_ns)
        need(holds=seen.version >= 0, why="there is no such version")
        indices = {ue.index for ue in self._bounds.cells[seen.cell]}
        for task in seen.tasks:
            need(holds=task.ue in indices, why="it is about UEs of another cell")
            self._bounds.known(self._system.ues[task.ue], task)
        for chose in seen.chose:
            need(
                holds=chose.ue in indices and 0 <= chose.choice < self._system.actions,
                why="it is about UEs of another cell",
            )
            need(
                holds=all(map(math.isfinite, (chose.log_probability, *chose.inputs))),
                why="not all its numbers are finite",
            )
        need(holds=all(map(math.isfinite, seen.features)), why="not all its numbers are finite")
