"""What must hold at every event of a simulated run, counted beside the cores from what they hear, do and record.

Of each ES: what is on its air, what waits, what runs. Of each UE: its tasks, each in one place. Of all: that time goes
on, that nothing is planned for the past, and that no task is at two servers. The watcher keeps its own books and
compares them with the cores' after every event; it never asks a core what to believe.
"""

from collections import Counter, defaultdict
from typing import Any

import msgspec

from edge_server.events import Arrived, Dispatch, Ended, TakenBack
from edge_server.job import Job
from edge_server.server import Server
from testbed.model.system import Plan
from testbed.protocol.actions import Action, Execute, Finish, Lost, Record, Send, Wake
from testbed.protocol.messages import Forward, Post, Result
from testbed.protocol.rows import LinkRow, SlotRow, TaskRow, UeSlotRow
from tests.swarm.books import Books, Key, Waiting
from tests.swarm.conservation import speed_of, wrong_execution, wrong_slot, wrong_transmission
from ue_agent.agent import Agent
from ue_agent.events import Arises

MOST_PROBLEMS = 20


class Heard(msgspec.Struct):
    """An event that a core is hearing, and the task that it hands to an ES, until that is somewhere."""

    name: str
    event: object
    handed: tuple[Key, Waiting] | None = None


class Watch:
    """One run under watch; with ``exact`` messages arrive at their instants and the dead are silent."""

    def __init__(self, plan: Plan, *, exact: bool) -> None:
        self.plan, self.exact = plan, exact
        self.problems: list[str] = []
        self.executed: list[tuple[str, str, int]] = []
        self._now = 0
        self._ues = {ue.name: ue for ue in plan.system.ues}
        self._servers = {es.name: es for es in plan.system.edge_servers}
        self._books: dict[str, Books] = {}
        self._events: list[Heard] = [Heard("", None)]
        self._dead: dict[str, int] = {}
        self._local_free: dict[str, int] = {}
        self._finished: Counter[str] = Counter()
        self._ended: set[Key] = set()
        self._asked: Counter[str] = Counter()
        self._at_es: Counter[Key] = Counter()
        self._sent_ns: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)

    def complain(self, text: str) -> None:
        """Note that something is wrong."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"at {self._now} ns: {text}")

    def at(self, now_ns: int) -> None:
        """Time is ``now_ns``."""
        if now_ns < self._now:
            self.complain(f"time goes back to {now_ns}")
        self._now = now_ns

    def born(self, name: str, from_ns: int) -> None:
        """A life of a process begins at ``from_ns``."""
        if name in self._servers:
            self._books[name] = Books(self._servers[name], from_ns)
            for dead, died in self._dead.items():
                self._books[name].deaths[dead].append(died)
        self._dead.pop(name, None)
        self._finished[name] = self._asked[name] = 0
        self._local_free[name] = 0
        self._sent_ns.pop(name, None)

    def died(self, name: str) -> None:
        """A life of a process ends, with all that it held; with an ES, what its UEs were sending to it."""
        if self._books.pop(name, None) is not None:
            cell = self._servers[name].index
            for ue in self.plan.system.ues:
                if ue.cell == cell:
                    self._sent_ns.pop(ue.name, None)
        self._dead[name] = self._now
        for books in self._books.values():
            books.deaths[name].append(self._now)
            for key in [key for key in books.air if key[0] == name and key not in books.sent and self._is_shared()]:
                del books.air[key]

    def _is_shared(self) -> bool:
        return self.plan.system.radio.access == "shared"

    # What a core hears -----------------------------------------------------------------------------------------------

    def before(self, name: str, event: object) -> None:
        """A living process is about to hear ``event``."""
        self._settle()
        self._events.append(Heard(name, event))
        self._asked[name] += isinstance(event, Arises)
        books = self._books.get(name)
        if books is None:
            return
        match event:
            case Post():
                key = event.ue, event.task.number
                if not books.knows_dead(event.ue, event.ready_ns, self._now):
                    books.air[key] = event.task.cycles
            case Arrived():
                key = self._off_air(name, event.job)
                if not books.knows_dead(key[0], event.job.trip.ready_ns, event.job.trip.tx_end_ns):
                    order = self._now, event.job.ue.index, event.job.task.number
                    self._events[-1].handed = key, Waiting(order, event.job.task.cycles, own=True)
            case TakenBack():
                self._off_air(name, event.job)
            case Forward():
                key, ue, sent_ns = (event.ue, event.task.number), self._ues[event.ue], event.trip.arrival_ns
                order, sender = (self._now, ue.index, key[1]), self.plan.system.edge_servers[ue.cell].name
                if sent_ns >= books.from_ns and not books.knows_dead(sender, sent_ns + 1, self._now):
                    self._events[-1].handed = key, Waiting(order, event.task.cycles, own=False)
            case Ended():
                done = [key for key, end in books.running.items() if end == self._now]
                if not done:
                    self.complain(f"nothing that {name} executes ends now")
                for key in done[:1]:
                    del books.running[key]

    def _off_air(self, name: str, job: Job) -> Key:
        key = job.ue.name, job.task.number
        if self._books[name].air.pop(key, None) is None:
            self.complain(f"{key} arrived at {name}, or was taken back from it, and was not on its air")
        return key

    def after(self, name: str, core: Any) -> None:
        """A process has heard its event and acted, and those with it whom it told something at once."""
        self.look(name, core)
        self._events.pop()

    def look(self, name: str, core: Any) -> None:
        """Are the books of a process and ours the same?"""
        self._settle()
        if isinstance(core, Server) and name in self._books:
            self._compare(name, core, self._books[name])
        elif isinstance(core, Agent):
            self._count(name, core)

    def _settle(self) -> None:
        """What was handed to an ES, and not refused or sent on in the same breath, waits there."""
        heard = self._events[-1]
        if heard.handed is not None and heard.name in self._books:
            self._enter(heard.name, *heard.handed)
        heard.handed = None

    def _enter(self, name: str, key: Key, waiting: Waiting) -> None:
        for other, books in self._books.items():
            if books.holds(key):
                self.complain(f"{key} is at {other} and comes to {name}")
        self._books[name].waiting[key] = waiting

    def _compare(self, name: str, core: Server, books: Books) -> None:
        queue, waiting = core._queue, books.waiting.values()
        ours = len(waiting), *(sum(one.cycles for one in waiting if one.own is own) for own in (True, False))
        theirs = queue.waiting, queue.own_cycles, queue.forwarded_cycles
        if ours != theirs:
            self.complain(f"{name} has (tasks, own, forwarded cycles) {theirs} waiting, and should have {ours}")
        on_air = core._radio.air_cycles
        if on_air != sum(books.air.values()):
            self.complain(f"{name} has {on_air} cycles on its air, and should have {sum(books.air.values())}")
        if len(books.running) > books.es.cores:
            self.complain(f"{name} executes {len(books.running)} tasks on {books.es.cores} cores")
        if isinstance(self._events[-1].event, Dispatch) and waiting and len(books.running) < books.es.cores:
            self.complain(f"{name} is idle while tasks wait")
        limit = books.es.queue_limit
        if limit >= 0 and len(waiting) > limit + books.es.cores - len(books.running):
            self.complain(f"{len(waiting)} tasks wait at {name}, where {limit} may")

    def _count(self, name: str, core: Agent) -> None:
        """Each task of a UE is ahead, asked about, on its way or finished, and in one of these only."""
        pending = [task.number for ask, _ in core._pending.values() for task in ask.tasks]
        ahead = len(core._tasks) - (self._asked[name] if core._asks_at_once else core._next)
        if ahead + len(pending) + len(core._flights) + self._finished[name] != len(core._tasks):
            self.complain(
                f"{name} had {len(core._tasks)} tasks: {ahead} to come, {len(pending)} asked about, "
                f"{len(core._flights)} on their way, {self._finished[name]} finished"
            )
        if core._flights.keys() & set(pending):
            self.complain(f"{name} asks about tasks that are on their way")

    # What a core does ------------------------------------------------------------------------------------------------

    def act(self, source: str, action: Action) -> None:
        """A process asks for ``action``."""
        match action:
            case Send() | Wake():
                if self.exact and action.at_ns < self._now and not isinstance(getattr(action, "event", None), Lost):
                    self.complain(f"{source} plans for the past: {action}")
                if isinstance(action, Send):
                    self._send(source, action)
                elif isinstance(action.event, Arrived) and source in self._books:
                    job = action.event.job
                    self._books[source].sent.add((job.ue.name, job.task.number))
            case Execute():
                self._execute(source, action)
            case Finish():
                self._finish(source, action)
            case Record():
                self._record(source, action.row)

    def _send(self, source: str, send: Send) -> None:
        body, heard = send.body, self._events[-1]
        handed = heard.handed
        if handed is not None and (
            isinstance(body, Forward) or (isinstance(body, Result) and body.rejected and source in self._books)
        ):
            if isinstance(body, Forward) and not handed[1].own:
                self.complain(f"{source} sends {handed[0]} on for the second time")
            heard.handed = None

    def _execute(self, source: str, execute: Execute) -> None:
        key = execute.ue, execute.number
        self.executed.append((source, *key))
        if source in self._books:
            self._execute_at_es(source, key, execute)
            return
        ue = self._ues[source]
        if execute.start_ns < self._local_free[source]:
            self.complain(f"{source} executes two tasks at once")
        self._local_free[source] = execute.end_ns
        if problem := wrong_execution(execute, *speed_of(ue)):
            self.complain(f"{source} executes {key} {problem}")
        for name, books in self._books.items():
            if self.exact and books.holds(key):
                self.complain(f"{key} is executed by its UE while {name} has it")

    def _execute_at_es(self, source: str, key: Key, execute: Execute) -> None:
        books = self._books[source]
        if key not in books.waiting:
            self.complain(f"{source} executes {key}, which does not wait there")
        elif key not in books.first(self._now):
            self.complain(f"{source} executes {key} out of turn")
        books.waiting.pop(key, None)
        books.running[key] = execute.end_ns
        if self.exact and (key[0], *key) in self.executed:
            self.complain(f"{source} executes {key}, which its UE has taken back")
        self._at_es[key] += 1
        if self._at_es[key] > 1:
            self.complain(f"{key} is executed by a server for the second time")
        if execute.start_ns != self._now:
            self.complain(f"{source} executes {key} from {execute.start_ns} on")
        es = books.es
        speeds = (es.speed_edges_ns, es.speeds_hz) if es.speeds_hz else ((0,), (es.cpu_hz,))
        if problem := wrong_execution(execute, *speeds):
            self.complain(f"{source} executes {key} {problem}")

    def _finish(self, source: str, finish: Finish) -> None:
        self._finished[source] += 1
        row = finish.row(finish.at_ns)
        key = row.ue, row.number
        if key in self._ended or source != row.ue:
            self.complain(f"{key} is ended by {source}, and has ended {key in self._ended}")
        self._ended.add(key)
        if self.exact and finish.at_ns > self._now:
            self.complain(f"{key} ends in the future, at {finish.at_ns}")
        self._record(source, row)

    def _record(self, source: str, row: object) -> None:
        match row:
            case TaskRow():
                if not (row.energy_j >= 0 and row.energy_measured_j >= 0 and row.overhead >= 0):
                    self.complain(f"{source}: {row.energy_j} J, {row.energy_measured_j} J, overhead {row.overhead}")
            case LinkRow():
                self._link(source, row)
            case SlotRow():
                books = self._books[source]
                waiting = [(one.cycles, one.own) for one in books.waiting.values()]
                if problem := wrong_slot(row, books.es, waiting, list(books.running.values())):
                    self.complain(f"{source}: {problem}")
            case UeSlotRow():
                if row.queue_ns != max(0, self._local_free[source] - self._now) or row.present < row.undecided:
                    self.complain(f"{source}: a queue of {row.queue_ns} ns, {row.undecided} of {row.present} undecided")

    def _link(self, source: str, row: LinkRow) -> None:
        """Rows come in the order of arrivals, which is not always that of transmissions."""
        key = row.ue, row.number
        if row.link == row.ue:
            handed = self._events[-1].handed
            if handed is None or handed[0] != key:
                self.complain(f"{key} is sent to {source}, where it does not arrive")
            if any(row.start_ns < end and start < row.end_ns for start, end in self._sent_ns[row.ue]):
                self.complain(f"{row.ue} sends two tasks at once")
            self._sent_ns[row.ue].append((row.start_ns, row.end_ns))
        if problem := wrong_transmission(self.plan.system, self._ues[row.ue], row):
            self.complain(f"{key} over {row.link}: {problem}")
