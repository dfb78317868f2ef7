"""Drives cores on the wall clock: one thread, events in the model's order, epoll on inbox, timer and burner."""

import heapq
import select
import time
from collections.abc import Callable
from functools import partial

from testbed.model.delay import NEVER
from testbed.model.learning import LEARNER
from testbed.model.revision import Revision, revised
from testbed.model.system import DEDICATED, LAUNCHER, Plan
from testbed.node.assignment import Pieces
from testbed.node.bundles import Bundles
from testbed.node.clock import Clock, Spinner, Timer
from testbed.node.event_queue import EventQueue
from testbed.node.lateness import LatenessMeter, statistics
from testbed.node.lookahead import Lookahead
from testbed.node.role import AT_ONCE, TIMED, Role
from testbed.node.socket import RECEIVE_TURN_NS, Mailbox, sent
from testbed.node.work import Work
from testbed.protocol.actions import Action, Alarm, Boundary, Core, Execute, Finish, Record, Send, Wake
from testbed.protocol.codec import UNDECODABLE, Envelope
from testbed.protocol.crowd_messages import Asks, Decisions
from testbed.protocol.messages import Announce, Ask, Decision, Down, Post, Revise, Stop
from testbed.protocol.placement import crowds_of
from testbed.protocol.rows import Row
from testbed.protocol.validation import Validator

AT_A_TIME = 32


class Host:
    """Runs cores until `stop`; ``emit`` takes the rows they record. Cores older than ``since`` are not heard."""

    def __init__(
        self, plan: Plan, clock: Clock, mailbox: Mailbox, role: Role, emit: Callable[[Row], None], since: int = 0
    ) -> None:
        self.plan, self.system, self.clock = plan, plan.system, clock
        system, emulation = plan.system, plan.emulation
        self.mailbox, self.role, self._emit, self._since = mailbox, role, emit, since
        self._cores: dict[str, Core] = {}
        self._incarnations: dict[str, int] = {}
        self._validator = Validator(plan)
        self._bundles = Bundles(plan)
        self._revision = Pieces(Revision)
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._age = 0
        self._turn_of = 2**62
        self._cells = {ue.name: ue.cell for ue in system.ues}
        self._last_ask: dict[int, int] = {}
        self._asked_wall: dict[tuple[str, int], int] = {}
        self._timer = Timer()
        self._spinner = Spinner(0 if role.ordered or role.grid_ns else emulation.spin_ns)
        self.work = Work(clock, emulation.burn if role.executes else 0.0, self._after, role.grid_ns)
        self._epoll = select.epoll()
        for fd in (mailbox.fd, self._timer.fd, self.work.fd):
            if fd >= 0:
                self._epoll.register(fd, select.EPOLLIN)
        self.lateness = LatenessMeter()
        self._events = EventQueue(clock, role, self.lateness)
        self._events.follow(plan)
        self.stopped: Stop | None = None

    def add(self, core: Core, incarnation: int, downs: tuple[Down, ...] = ()) -> None:
        """Host ``core`` and let it begin."""
        self._cores[core.name] = core
        es = next((es.index for es in self.system.edge_servers if es.name == core.name), None)
        is_planned = es is not None and not self.plan.system.closed_loop
        self._events.know(core, Lookahead(self.plan, es, self.role.guard_ns) if is_planned and es is not None else None)
        self._incarnations[core.name] = incarnation
        self._act(core, core.begin())
        for down in downs:
            self._events.hear(core, down)
            self._act(core, core.handle(self.clock.now_ns(), down))

    def every(self, wall_ns: int, call: Callable[[], None], first_ns: int) -> None:
        """Call ``call`` every ``wall_ns`` of wall time, the first time after ``first_ns``."""

        def again() -> None:
            call()
            self._after(time.monotonic_ns() + wall_ns, again)

        self._after(time.monotonic_ns() + first_ns, again)

    def run(self) -> Stop:
        """Work until the launcher says stop; neither the inbox nor what is due keeps the other waiting for long."""
        self.turn()
        while self.stopped is None:
            self._wait()
            self.turn()
        return self.stopped

    def turn(self) -> None:
        """Hear what has come, and act on what is due."""
        self._receive()
        self._flush()
        self._fire()
        self._flush()

    def _flush(self) -> None:
        for source, send in self._bundles.closed():
            self._post(source, send)
        self.mailbox.flush()

    def close(self) -> None:
        """Release descriptors and the burner's thread."""
        self.work.close()
        self._epoll.close()
        self._timer.close()

    def statistics(self, name: str) -> list[Row]:
        """Lateness by kind of timer, slips, burnt CPU and dropped frames so far, as rows."""
        self.work.finish()
        return statistics(name, self.clock.now_ns(), self.lateness, self.work, self.mailbox)

    # Receiving -------------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        for envelope in self.mailbox.take():
            if isinstance(envelope.body, Stop) and envelope.source == LAUNCHER:
                self.stopped = envelope.body
                return
            if isinstance(envelope.body, Revise) and envelope.source == LAUNCHER:
                self._take_revision(envelope.body)
                continue
            if envelope.incarnation < self._since:
                self.mailbox.pass_over(envelope, "of an episode that is over")
                continue
            for single in self._bundles.opened(envelope):
                self._hear(single)

    def _hear(self, envelope: Envelope) -> None:
        """Let the core that it is for hear a message, if it may be told that."""
        core = self._cores.get(self._bundles.crowd_of.get(envelope.to, envelope.to))
        why = "nobody of that name here"
        if core is not None:
            why = self._validator.refusal(envelope, self.clock.now_ns())
        if core is None or why:
            kind = type(envelope.body).__name__
            self.mailbox.drop(f"{kind} of {envelope.source[:40]} for {envelope.to[:40]}: {why}")
        else:
            self._take(core, envelope)

    def _take_revision(self, piece: Revise) -> None:
        """The plan changes shortly: cores and whoever looks ahead go on with the new one."""
        try:
            revision = self._revision.take(piece)
        except UNDECODABLE as error:
            return self.mailbox.drop(f"Revise of {LAUNCHER}: {error}")
        if revision is None:
            return None
        plan = self.plan = revised(self.plan, revision)
        self.system = plan.system
        self._validator.follow(plan)
        self._bundles.follow(plan)
        self._events.follow(plan)
        by_ue = plan.tasks_by_ue()
        tasks = dict(zip((ue.name for ue in plan.system.ues), by_ue, strict=True))
        for name, ues in crowds_of(plan).items():
            tasks[name] = tuple(task for ue in ues for task in by_ue[ue.index])
        now = self.clock.now_ns()
        for core in self._cores.values():
            self._act(core, core.revise(now, plan.system, tasks.get(core.name, ())))

    def _take(self, core: Core, envelope: Envelope) -> None:
        """Let a core hear a message, now or when its instant comes."""
        body = envelope.body
        self._events.hear(core, body)
        if isinstance(body, Down):
            self.mailbox.disconnect(body.name)
        if isinstance(body, Ask):
            self._last_ask[self._cells[body.ue]] = time.monotonic_ns()
        elif isinstance(body, Asks) and body.ues:
            self._last_ask[self.system.ues[body.ues[0]].cell] = time.monotonic_ns()
        if isinstance(body, (Decision, Decisions)):
            self._answer(core, body)
        elif isinstance(body, AT_ONCE) or (isinstance(body, Announce) and not self.role.ordered):
            self._act(core, core.handle(max(envelope.at_ns, self._events.last_ns, 0), body))
        elif isinstance(body, Post) and self.system.radio.access == DEDICATED:
            self._act(core, core.handle(body.ready_ns, body))
        elif isinstance(body, TIMED):
            self._push(envelope.at_ns, envelope.phase, envelope.ue, envelope.number, core, body)

    def _answer(self, core: Core, decision: Decision | Decisions) -> None:
        asked = self._asked_wall.pop((core.name, decision.slot), None)
        if asked is not None:
            think = time.monotonic_ns() - asked
            self._act(core, core.handle(decision.asked_ns + think, decision))

    # Acting ----------------------------------------------------------------------------------------------------------

    def _push(self, at_ns: int, phase: int, ue: int, number: int, core: Core, event: object) -> None:
        if type(event) is Boundary and not self.role.ordered:
            due = self.clock.wall_ns(at_ns) + self._turn_ns(ue)
            self._after(due, lambda: self._tick(core, at_ns, ue, event))
        else:
            self._events.push(at_ns, phase, ue, number, core, event)

    def _turn_ns(self, ue: int) -> int:
        """UEs of one process take their turn together: what they say then travels together."""
        self._turn_of = min(self._turn_of, ue)
        return self.role.turn_ns(self._turn_of, len(self.system.ues), int(self.system.slot_ns / self.clock.speed))

    def _tick(self, core: Core, at_ns: int, ue: int, event: object) -> None:
        """A slot boundary of an unordered core."""
        self.lateness.add("Boundary", time.monotonic_ns() - self._events.awake_wall_ns(core, at_ns) - self._turn_ns(ue))
        self._act(core, core.handle(at_ns, event))

    def _after(self, wall_ns: int, call: Callable[[], None]) -> None:
        self._age += 1
        heapq.heappush(self._timers, (wall_ns, self._age, call))

    def _fire(self) -> None:
        """Act on what is due, but on so much only that inbox and outbox do not wait long.

        Events come before timers: a UE whose slot begins knows by then who serves from that instant on.
        """
        for _ in range(AT_A_TIME):
            due = self._events.pop(time.monotonic_ns())
            if due is None:
                break
            self._act(due.core, due.core.handle(due.at_ns, due.event), due.wall_ns)
        now = time.monotonic_ns()
        until = now + RECEIVE_TURN_NS
        while self._timers and self._timers[0][0] <= now < until:
            heapq.heappop(self._timers)[2]()
            now = time.monotonic_ns()

    def _act(self, core: Core, actions: list[Action], released: int = 0) -> None:
        """Carry out ``actions``; a task that they end has ended at wall instant ``released``, or now."""
        self._events.changed()
        notices = self.role.notices(actions) if self.role.notices is not None else []
        for action in (*actions, *notices):
            match action:
                case Send():
                    self._send(core, action)
                case Wake(at, phase, event, ue, number):
                    self._push(at, phase, ue, number, core, event)
                case Record(row):
                    self._emit(row)
                case Finish():
                    self._finish(core, action, released or time.monotonic_ns())
                case Execute():
                    self._execute(core, action)
                case Alarm(after, event):
                    self._after(time.monotonic_ns() + after, partial(self._ring, core, event))

    def _finish(self, core: Core, finish: Finish, wall_ns: int) -> None:
        """Record a task that was finished at wall instant ``wall_ns``, and tell of it."""
        row = finish.row(max(finish.at_ns, self.clock.emulated_ns(wall_ns)))
        self._emit(row)
        if finish.tell is not None:
            self._send(core, finish.tell(row))

    def _ring(self, core: Core, event: object) -> None:
        self._act(core, core.handle(self.clock.now_ns(), event))

    def _send(self, core: Core, send: Send) -> None:
        body = send.body
        match body:
            case Announce():
                self._events.hear(core, body)
            case Ask() if body.tasks:
                self._asked_wall[core.name, body.slot] = time.monotonic_ns()
            case Asks() if body.tasks:
                self._asked_wall[core.name, body.slot] = time.monotonic_ns()
            case Decision() | Decisions():
                cell = self._cells[body.ue] if isinstance(body, Decision) else self.system.ues[body.ues[0]].cell
                if asked := self._last_ask.pop(cell, 0):
                    self.lateness.answers.add(time.monotonic_ns() - asked)
        if not self._bundles.holds(core.name, send):
            self._post(core.name, send)

    def _post(self, source: str, send: Send) -> None:
        for to in self.plan.learners if send.to == LEARNER and self.plan.learn else (send.to,):
            self.mailbox.post(sent(source, self._incarnations[source], to, send))

    def _execute(self, core: Core, execute: Execute) -> None:
        send = execute.then
        if self._events.held_wall_ns > self.clock.wall_ns(execute.start_ns):
            self.lateness.held += time.monotonic_ns() > self.clock.wall_ns(execute.end_ns)
        self.work.begin(execute, None if send is None else lambda: self._send(core, send))

    def _wait(self) -> None:
        if self.role.grid_ns:
            return self._wait_for_grid()
        due, spin = self._events.due_wall_ns(), self._spinner.length_ns()
        if self._timers and self._timers[0][0] < due:
            due, spin = self._timers[0][0], 0
        if due - spin > time.monotonic_ns():
            self._timer.arm(due - spin)
            for fd, _ in self._epoll.poll(None if self.mailbox.drained else 0):
                if fd == self._timer.fd:
                    self._timer.clear()
                elif fd == self.work.fd:
                    self.work.collect()
        if spin and self.mailbox.drained:
            self._spinner.spin(due)
            self._fire()
        return None

    def _wait_for_grid(self) -> None:
        """Until something is due or comes, and then on to the grid; an answer is not kept waiting."""
        due = min(self._events.due_wall_ns(), self._timers[0][0] if self._timers else NEVER)
        if not self.mailbox.drained or due <= time.monotonic_ns():
            return
        self._timer.arm(self._on_grid(due))
        ready = {fd for fd, _ in self._epoll.poll()}
        if self._timer.fd not in ready and not self._asked_wall:
            self._timer.arm(self._on_grid(time.monotonic_ns()))
            select.select([self._timer.fd], [], [])
        self._timer.clear()

    def _on_grid(self, wall_ns: int) -> int:
        """The first instant of the grid that is not before ``wall_ns``; slot boundaries are on it."""
        ahead = wall_ns - self.clock.epoch_ns - self._turn_ns(self._turn_of)
        return wall_ns + -ahead % self.role.grid_ns
