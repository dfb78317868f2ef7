"""Hosts of real cores, fed by hand: sound frames with wrong contents crash nobody, and only the launcher ends a run."""

import os
import random
import time
from typing import Any

import msgspec
import pytest

from controller.__main__ import role_of as controller_role
from controller.server import DecisionServer as Controller
from edge_server.__main__ import role_of as es_role
from edge_server.server import Server as EdgeServer
from testbed.model.delay import NS_PER_S
from testbed.model.learning import LEARNER, LearningPlan
from testbed.model.system import Emulation, Plan
from testbed.model.task import Phase, Task
from testbed.node.clock import Clock
from testbed.node.host import Host
from testbed.policy.loading import load
from testbed.protocol import codec
from testbed.protocol.actions import Core, Send
from testbed.protocol.codec import FrameError
from testbed.protocol.messages import Announce, Post, Result, Seen, Stop
from testbed.protocol.rows import Row
from tests.protocol.honest import overheard, wrapped
from tests.protocol.test_validation import world
from tests.support import system
from ue_agent.__main__ import role_of as ue_role
from ue_agent.agent import Agent

PLAN = msgspec.structs.replace(world(learn=True), emulation=Emulation(burn=0.0, spin_ns=0))
SLOTS_AGO = 30


class Mail:
    """A mailbox without sockets: hands out what is put into it, keeps what is posted."""

    def __init__(self):
        self.fd = os.eventfd(0)
        self.drained, self.dropped, self.unsent, self.last_error = True, 0, 0, ""
        self.stale, self.last_stale = 0, ""
        self.inbox, self.sent, self.flood = [], [], []

    def take(self):
        while self.inbox:
            yield self.inbox.pop(0)
        yield from self.flood
        self.drained = not self.flood

    def post(self, envelope):
        self.sent.append(envelope)

    def flush(self):
        pass

    def disconnect(self, name):
        pass

    def drop(self, why):
        self.dropped, self.last_error = self.dropped + 1, why

    def pass_over(self, envelope, why):
        self.stale, self.last_stale = self.stale + 1, why


def host_of(role):
    """A host of one kind of core whose epoch was long ago, and its mailbox."""
    system, rows = PLAN.system, list[Row]()
    mail: Any = Mail()
    role_of = {"ue": ue_role, "es": es_role, "controller": controller_role}[role]
    clock = Clock(time.monotonic_ns() - SLOTS_AGO * NS_PER_S, 1.0)
    host = Host(PLAN, clock, mail, role_of(system, PLAN.emulation), rows.append)
    tasks, cores = PLAN.tasks_by_ue(), list[Core]()
    if role == "ue":
        cores += [Agent(system, ue.index, tasks[ue.index], outcomes=True) for ue in system.cell_ues(0)]
    elif role == "es":
        cores += [EdgeServer(system, 0, second_offload=PLAN.second_offload)]
    else:
        cores += [Controller(system, load(PLAN.policy)[0])]
    for core in cores:
        host.add(core, 0)
    return host, mail, {core.name for core in cores}


NASTY = {
    int: [-1, 0, 1, 2, 7, 10**6, 10**9, 10**15, 10**18, 2**62, -(2**62)],
    float: [0.0, -1.0, 1e300, float("nan"), float("inf"), -float("inf")],
    str: ["", "nobody", "es-1", "es-2", "es-9", "ue-1-1", "ue-3-5", "controller", "launcher", "learner", "\x1b[2J"],
    bool: [True, False],
}


def twisted(value, rng):
    """``value`` with one thing in it changed, somewhere."""
    if isinstance(value, msgspec.Struct):
        field = rng.choice(value.__struct_fields__)
        return msgspec.structs.replace(value, **{field: twisted(getattr(value, field), rng)})
    if isinstance(value, tuple):
        if value and rng.random() < 0.5:
            place = rng.randrange(len(value))
            return (*value[:place], twisted(value[place], rng), *value[place + 1 :])
        return rng.choice([(), value * 2, value[:-1], value + value[:1]])
    return rng.choice(NASTY.get(type(value), [value]))


def twists(envelope, rng, count):
    """Sound frames like ``envelope`` with wrong contents, as they come off the wire."""
    for _ in range(count):
        changed = envelope
        for _ in range(rng.randint(1, 3)):
            if rng.random() < 0.3:
                changed = twisted(changed, rng)
            else:
                changed = msgspec.structs.replace(changed, body=twisted(changed.body, rng))
        try:
            yield codec.decode(codec.encode(changed))
        except FrameError:
            continue


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("role", ["ue", "es", "controller"])
def test_sound_frames_with_wrong_contents_crash_no_core(role, seed):
    rng = random.Random(seed)
    host, mail, names = host_of(role)
    try:
        said = [one for _, one in overheard(PLAN)]
        wrong = 0
        for envelope in said:
            if envelope.to not in names:
                envelope, count = msgspec.structs.replace(envelope, to=rng.choice(sorted(names))), 1
            else:
                count = 8
            for twist in twists(envelope, rng, count):
                if twist.to not in names and rng.random() < 0.9:
                    twist = msgspec.structs.replace(twist, to=envelope.to)
                if not isinstance(twist.body, Stop):
                    mail.inbox.append(twist)
                    wrong += 1
            mail.inbox.append(envelope)
            host.turn()
        assert wrong > 500 and mail.dropped > wrong // 2
        assert mail.sent and host.stopped is None
    finally:
        host.close()
        os.close(mail.fd)


def test_only_the_launcher_stops_a_process():
    host, mail, _ = host_of("es")
    try:
        stop = wrapped("es-2", Send(to="es-1", body=Stop(0, "because"), at_ns=0, phase=Phase.FAULT))
        mail.inbox.append(stop)
        host.turn()
        assert host.stopped is None and mail.dropped == 1
        mail.inbox.append(msgspec.structs.replace(stop, source="launcher"))
        host.turn()
        assert host.stopped == stop.body
    finally:
        host.close()
        os.close(mail.fd)


@pytest.mark.parametrize(("guard_ms", "held"), [(0, 0), (300, 1)])
def test_executions_that_the_guard_outlasts_are_counted(guard_ms, held):
    """One UE posts 1 ms of work in slot 0; of another one's task nothing is heard, so that the guard is waited for."""
    made = system((2,), (NS_PER_S,))
    tasks = [
        Task(ue=ue, number=0, generated_ns=0, input_bits=8_000, cycles=NS_PER_S // 1000, deadline_ns=NS_PER_S)
        for ue in (0, 1)
    ]
    emulation = Emulation(burn=0.0, spin_ns=0, guard_ns=guard_ms * NS_PER_S // 1000)
    mail: Any = Mail()
    clock = Clock(time.monotonic_ns() - NS_PER_S // 20, 1.0)
    host = Host(
        Plan(system=made, workload=tuple(tasks), policy="offload", second_offload=False, emulation=emulation),
        clock,
        mail,
        es_role(made, emulation),
        print,
    )
    try:
        host.add(EdgeServer(made, 0, second_offload=False), 0)
        mail.inbox.append(
            wrapped("ue-1-1", Send(to="es-1", body=Post("ue-1-1", tasks[0], 0), at_ns=0, phase=Phase.DECIDE))
        )
        while not any(isinstance(envelope.body, Result) for envelope in mail.sent):
            host.turn()
        assert host.lateness.held == held
    finally:
        host.close()
        os.close(mail.fd)


class Teller:
    """A core that has something to tell whoever learns."""

    name = "controller"

    def begin(self):
        return [Send(to=LEARNER, body=Seen(cell=0, slot=0, version=0, features=()), at_ns=0, phase=Phase.DECIDE)]

    def handle(self, now_ns, event):
        return []

    def revise(self, now_ns, system, tasks):
        return []


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_for_the_learner_is_told_to_every_worker(workers):
    made = msgspec.structs.replace(PLAN, learning=LearningPlan(workers=workers))
    mail: Any = Mail()
    host = Host(made, Clock(time.monotonic_ns(), 1.0), mail, controller_role(made.system, made.emulation), print)
    try:
        host.add(Teller(), 0)
        assert tuple(envelope.to for envelope in mail.sent) == made.learners and len(mail.sent) == workers
    finally:
        host.close()
        os.close(mail.fd)


def test_a_flood_keeps_no_host_from_what_is_due():
    host, mail, _ = host_of("es")
    try:
        stranger = wrapped(
            "nobody", Send(to="es-1", body=Announce(es="es-9", slot=0, at_ns=0), at_ns=0, phase=Phase.ANNOUNCE)
        )
        mail.flood = [stranger] * 50
        for _ in range(5):
            host.turn()
        assert mail.dropped == 250 and not mail.drained
        assert {envelope.body.slot for envelope in mail.sent if isinstance(envelope.body, Announce)} >= {0, 1, 2, 3}
    finally:
        host.close()
        os.close(mail.fd)


def test_messages_of_an_episode_that_is_over_are_counted_and_reach_nobody():
    host, mail, _ = host_of("ue")
    host._since = 5
    heard = next(one for _, one in overheard(PLAN) if one.to.startswith("ue-1-"))
    for incarnation in (3, 4):
        mail.inbox.append(msgspec.structs.replace(heard, incarnation=incarnation))
    host.turn()
    assert (mail.stale, mail.dropped, mail.last_stale) == (2, 0, "of an episode that is over")
    host.close()
