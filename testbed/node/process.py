"""The life of a role's process: report, take orders, wait for the epoch, run, flush, leave."""

import argparse
import gc
import logging
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from testbed.model.errors import StartError
from testbed.model.revision import Revision, revised
from testbed.model.system import REAL, Emulation, Plan, System
from testbed.model.task import Task
from testbed.node.assignment import Assignment, Pieces, with_policy
from testbed.node.clock import Clock, sharpen, tame_garbage
from testbed.node.credentials import PLACES, Credentials, read_key, read_token
from testbed.node.host import Host
from testbed.node.lateness import limits_of
from testbed.node.launcher_session import LAUNCHER, LauncherSession
from testbed.node.limits import cpu_periods
from testbed.node.role import Role
from testbed.node.socket import Mailbox, envelope
from testbed.protocol.actions import Core
from testbed.protocol.codec import UNDECODABLE
from testbed.protocol.messages import Heartbeat, Orders, Ready, Revise, Rows, Start, Stop
from testbed.protocol.place import Place
from testbed.protocol.placement import crowd_by_ue, crowds_of
from testbed.protocol.rows import Row

FLUSH_NS = 100_000_000
FLUSH_TURNS = 25
FLUSH_ROWS = 400


class Making(msgspec.Struct, frozen=True):
    """What a role needs to build one core."""

    plan: Plan
    name: str
    incarnation: int
    from_ns: int
    tasks: tuple[Task, ...]


Make = Callable[[Making], Core]
Prepare = Callable[[Plan], object]
RoleOf = Callable[[System, Emulation], Role]


class Process:
    """One process of a run, named ``name``, hosting the cores that its orders name.

    The run's directory is the current one; where the others are stands there, and the token comes on standard input.
    """

    orders: Assignment

    def __init__(self, name: str, role_name: str, incarnation: int) -> None:
        self.name, self._incarnation = name, incarnation
        places = msgspec.msgpack.decode(PLACES.read_bytes(), type=dict[str, Place])
        key = read_key(name) if places[name].public_key else ""
        self.mailbox = Mailbox(places[name], places, Credentials(read_token(), key))
        self._session = LauncherSession(self.mailbox, name, incarnation, role_name)
        self._pieces = Pieces(Assignment)
        self._revision = Pieces(Revision)
        self._prepare: Prepare = lambda _: None
        self._rows: list[Row] = []
        self._lived = False

    def run(self, make: Make, role_of: RoleOf, prepare: Prepare | None = None) -> None:
        """Report to the launcher, host the cores from its epoch on, say goodbye; ``prepare`` is called before all."""
        if prepare is not None:
            self._prepare = prepare
        self._session.open()
        try:
            while (start := self._await_start()) is not None:
                stop = self._live(start, make, role_of)
                if not stop.again:
                    return self._session.close(stop.reason)
                self.mailbox.send(envelope(self.name, self._incarnation, LAUNCHER, stop))
                gc.collect()
        finally:
            self.mailbox.close(2000 if self._lived else 0, LAUNCHER)

    def _live(self, start: Start, make: Make, role_of: RoleOf) -> Stop:
        """Host the cores from an epoch on until the launcher says stop, and tell all that they recorded."""
        self._lived = True
        plan, since = self.orders.plan, self.orders.episode
        if start.warm_up and self.orders.warm_up is not None:
            plan, since = self.orders.warm_up, self.orders.episode - 1
        plan = at_speed(plan, start.speed)
        clock, role = Clock(start.epoch_monotonic_ns, start.speed), role_of(plan.system, plan.emulation)
        host, periods = Host(plan, clock, self.mailbox, role, self._emit, since), cpu_periods()
        try:
            for making in self._makings(plan, start):
                host.add(make(making), since + self._incarnation, start.downs)
            host.every(
                FLUSH_NS, lambda: self._report_of(host), FLUSH_NS // FLUSH_TURNS * (1 + os.getpid() % FLUSH_TURNS)
            )
            stop = host.run()
            self._rows += host.statistics(self.name)
            self._rows += limits_of(self.name, host.clock.now_ns(), cpu_periods().since(periods))
            return stop
        finally:
            self._flush()
            host.close()

    def _greet(self) -> None:
        """Open the connections that the run will need, so that its first slot finds them warm."""
        system = self.orders.plan.system
        hosted, crowd_of = set(self.orders.processes[self.name]), crowd_by_ue(self.orders.plan)
        peers = {"controller"}
        for ue in system.ues:
            own = system.edge_servers[ue.cell].name
            if ue.name in hosted:
                peers.add(own)
            elif own in hosted or self.name == "controller":
                peers.add(crowd_of.get(ue.name, ue.name))
        if self.name == "controller" or any(es.name in hosted for es in system.edge_servers):
            peers |= {es.name for es in system.edge_servers}
        incarnation = self.orders.episode + self._incarnation
        for peer in peers.difference(hosted):
            self.mailbox.send(envelope(self.name, incarnation, peer, Heartbeat(0)))

    def _makings(self, plan: Plan, start: Start) -> Iterator[Making]:
        if self.name in crowds_of(plan):
            yield Making(plan, self.name, self._incarnation, start.from_ns, ())
            return
        tasks = dict(zip((ue.name for ue in plan.system.ues), plan.tasks_by_ue(), strict=True))
        for name in self.orders.processes[self.name]:
            yield Making(plan, name, self._incarnation, start.from_ns, tasks.get(name, ()))

    def _await_start(self) -> Start | None:
        poll = select.poll()
        poll.register(self.mailbox.fd, select.POLLIN)
        while True:
            for received in self.mailbox.take():
                if received.source != LAUNCHER:
                    if not isinstance(received.body, Heartbeat):
                        self.mailbox.pass_over(received, "while no episode is played")
                    continue
                if isinstance(received.body, Orders):
                    self._take_orders(received.body)
                elif isinstance(received.body, Revise):
                    self._take_revision(received.body)
                elif isinstance(received.body, Start):
                    return received.body
                elif isinstance(received.body, Stop):
                    return None
            self._session.tick()
            poll.poll(100 if self.mailbox.drained else 0)

    def _take_orders(self, piece: Orders) -> None:
        """Take a piece of orders; once they are whole, prepare what a first slot needs, and say so."""
        try:
            orders = self._pieces.take(piece)
        except UNDECODABLE as error:
            return self.mailbox.drop(f"Orders of {LAUNCHER}: {error}")
        if orders is None:
            return
        first, self.orders = not hasattr(self, "orders"), with_policy(orders, self.name)
        self.mailbox.real_payload = orders.plan.emulation.payload == REAL
        if first:
            self._settle()
        self.mailbox.send(envelope(self.name, self._incarnation, LAUNCHER, Ready()))

    def _take_revision(self, piece: Revise) -> None:
        """The plan changes while this process waits to begin in its midst."""
        try:
            revision = self._revision.take(piece)
        except UNDECODABLE as error:
            return self.mailbox.drop(f"Revise of {LAUNCHER}: {error}")
        if revision is not None:
            plan = revised(self.orders.plan, revision)
            self.orders = msgspec.structs.replace(self.orders, plan=plan)

    def _settle(self) -> None:
        """Have ready what a first slot needs; called once, when there are orders."""
        self._prepare(self.orders.plan)
        tame_garbage()
        self._greet()

    def _emit(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= FLUSH_ROWS:
            self._flush()

    def _report_of(self, host: Host) -> None:
        self._rows += host.lateness.new_slips(self.name, host.clock.now_ns())
        self._report()

    def _report(self) -> None:
        self._flush()
        self._session.tick()

    def _flush(self) -> None:
        while self._rows:
            batch, self._rows = tuple(self._rows[:FLUSH_ROWS]), self._rows[FLUSH_ROWS:]
            self.mailbox.send(envelope(self.name, self._incarnation, LAUNCHER, Rows(batch)))


def at_speed(plan: Plan, speed: float) -> Plan:
    """``plan`` at the speed it is played at."""
    return msgspec.structs.replace(plan, emulation=msgspec.structs.replace(plan.emulation, speed=speed))


def entry(role_name: str, make: Make, role_of: RoleOf, argv: list[str], prepare: Prepare | None = None) -> int:
    """The ``main`` of a role that hosts cores."""

    def live(name: str, incarnation: int) -> None:
        sharpen()
        Process(name, role_name, incarnation).run(make, role_of, prepare)

    return enter(role_name, argv, live)


def enter(role_name: str, argv: list[str], live: Callable[[str, int], None]) -> int:
    """``--run DIR --name NAME [--incarnation N]``: ``live(name, incarnation)`` in the run's directory.

    Interrupts are the launcher's business.
    """
    parser = argparse.ArgumentParser(prog=role_name, description=f"One {role_name} process of a run.")
    parser.add_argument("--run", required=True, type=Path, help="the run's directory")
    parser.add_argument("--name", required=True, help="the process's name, as in processes.json")
    parser.add_argument("--incarnation", type=int, default=0, help="how often it was restarted before")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not (arguments.run / PLACES).is_file():
        logging.error("%s: no place for a process here; runs are started by `testbed run`", arguments.run)
        return 2
    os.chdir(arguments.run)
    try:
        live(arguments.name, arguments.incarnation)
    except StartError as error:
        logging.error("%s", error)
        return 2
    return 0
