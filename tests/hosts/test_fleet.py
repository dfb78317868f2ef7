"""The supervisor of host agents, with agents of this test: nothing that they do or leave undone holds it up."""

import socket
import time

import msgspec
import pytest

from testbed.hosts import fleet
from testbed.hosts.agent import clock_identity, version
from testbed.hosts.channel import Channel
from testbed.hosts.clock_offset import ENOUGH
from testbed.hosts.fleet import AGENT_GONE, FleetSupervisor
from testbed.hosts.lines import (
    FreezeRole,
    HostReady,
    HostRun,
    HostServes,
    KillRole,
    LearnedSoFar,
    Lines,
    LookAt,
    Looked,
    Pause,
    Probe,
    Probed,
    RoleDied,
    RoleStarted,
    StartRole,
    ThawRole,
    encode_line,
)
from testbed.live.supervisor import Child
from testbed.record import learning_requests

HOSTS = {"es-1": "a", "ue-1-1": "b", "ue-1-2": "b", "learner": "c", "launcher": "recorder"}


class FakeSource:
    """Agents that the test plays."""

    fd = -1

    def __init__(self):
        self.coming, self.closed = [], False

    def new(self):
        result, self.coming = self.coming, []
        return result

    def release(self, channel):
        channel.close()

    def close(self):
        self.closed = True


class FakeAgent:
    """The other end of a channel."""

    def __init__(self, source, host, clock=None, its=None):
        near_end, self.end = socket.socketpair()
        self.end.settimeout(0.0)
        self._lines = Lines()
        source.coming.append((host, Channel(near_end)))
        self.say(HostReady(7, clock or clock_identity(), its or version()))

    def say(self, *reports):
        self.end.sendall(b"".join(map(encode_line, reports)))

    def asked(self):
        try:
            return list(self._lines.requests(self.end.recv(1 << 20)))
        except BlockingIOError:
            return []

    def serve(self, supervisor):
        """Be told of the run, and serve."""
        supervisor.dead()  # welcomes it
        supervisor.dead()
        result = self.asked()
        self.say(HostServes())
        supervisor.dead()
        return result


@pytest.fixture
def fleet_and_source(tmp_path):
    (tmp_path / "node" / "keys").mkdir(parents=True)
    (tmp_path / "node" / "places.msgpack").write_bytes(b"places")
    for name in ("es-1", "ue-1-1"):
        (tmp_path / "node" / "keys" / name).write_text(f"key of {name}")
    source = FakeSource()
    supervisor = FleetSupervisor(tmp_path, b"\x01\x02", source, HOSTS.__getitem__)
    yield supervisor, source
    supervisor.close()
    assert source.closed


def test_an_agent_is_told_its_own_keys_and_starts_what_waited_for_it(fleet_and_source):
    supervisor, source = fleet_and_source
    supervisor.start("edge_server", "es-1")
    agent = FakeAgent(source, "a")
    assert agent.serve(supervisor) == [HostRun("0102", b"places", {"es-1": "key of es-1"})]
    assert agent.asked() == [StartRole("edge_server", "es-1", 0)]
    agent.say(RoleStarted("es-1", 0, 12))
    supervisor.wait(agent.end.fileno(), 0)
    assert supervisor.table() == {"es-1": Child(name="es-1", role="edge_server", pid=12)}
    supervisor.freeze("es-1")
    supervisor.thaw("es-1")
    supervisor.kill("es-1")
    assert agent.asked() == [FreezeRole("es-1"), ThawRole("es-1"), KillRole("es-1")]
    agent.say(RoleDied("es-1", 0, crashed=True, log=("one", "two")))
    assert supervisor.dead() == ["es-1"] and supervisor.crashed("es-1")
    assert supervisor.log_tail("es-1") == ["two"] and "es-1.log" in supervisor.log_place("es-1")
    supervisor.forget("es-1")
    assert supervisor.table() == {} and supervisor.dead() == [] and supervisor.returned() == []


def test_the_death_of_an_earlier_life_is_not_that_of_the_present_one(fleet_and_source):
    supervisor, source = fleet_and_source
    agent = FakeAgent(source, "a")
    agent.serve(supervisor)
    supervisor.start("edge_server", "es-1", 1)
    agent.say(RoleDied("es-1", 0, crashed=False))
    assert supervisor.dead() == []


def test_with_its_host_a_process_dies_and_can_be_started_again_when_that_is_back(fleet_and_source):
    supervisor, source = fleet_and_source
    agents = [FakeAgent(source, "a"), FakeAgent(source, "b")]
    for agent in agents:
        agent.serve(supervisor)
    for name in ("es-1", "ue-1-1", "ue-1-2"):
        supervisor.start("role", name)
    agents[1].end.close()
    assert supervisor.dead() == ["ue-1-1", "ue-1-2"] and supervisor.log_tail("ue-1-1") == [AGENT_GONE]
    assert not supervisor.failed() and supervisor.returned() == []
    for name in ("ue-1-1", "ue-1-2"):
        supervisor.forget(name)
    again = FakeAgent(source, "b")
    again.serve(supervisor)
    assert sorted(supervisor.returned()) == ["ue-1-1", "ue-1-2"]
    supervisor.start("role", "ue-1-1", 1)
    assert again.asked() == [StartRole("role", "ue-1-1", 1)] and supervisor.returned() == ["ue-1-2"]
    for end in (agents[0].end, again.end):
        end.close()
    supervisor.dead()
    assert supervisor.failed()


def test_who_comes_twice_is_sent_away_as_long_as_the_first_one_lives(fleet_and_source):
    supervisor, source = fleet_and_source
    first = FakeAgent(source, "a")
    first.serve(supervisor)
    second = FakeAgent(source, "a")
    supervisor.dead()
    with pytest.raises(ConnectionResetError):
        second.end.recv(1 << 16)
    assert first.asked() == []


def test_an_agent_of_another_version_starts_nothing_and_says_why(fleet_and_source):
    supervisor, source = fleet_and_source
    supervisor.start("edge_server", "es-1")
    agent = FakeAgent(source, "a", its="0.0.1, protocol 1")
    supervisor.dead()
    assert supervisor.dead() == ["es-1"]
    [why] = supervisor.log_tail("es-1")
    assert "0.0.1, protocol 1" in why and version() in why and "docker compose build" in why
    assert agent.asked() == []


def test_an_agent_that_talks_nonsense_is_gone(fleet_and_source):
    supervisor, source = fleet_and_source
    agent = FakeAgent(source, "a")
    agent.serve(supervisor)
    supervisor.start("edge_server", "es-1")
    agent.end.sendall(b"what?\n")
    assert supervisor.dead() == ["es-1"]


def test_busy_is_what_the_agent_says_and_who_does_not_answer_hangs(fleet_and_source, monkeypatch):
    supervisor, source = fleet_and_source
    agent = FakeAgent(source, "a")
    agent.serve(supervisor)
    supervisor.start("edge_server", "es-1")
    now = [1_000_000_000]
    monkeypatch.setattr("testbed.hosts.fleet.time.monotonic_ns", lambda: now[0])
    agent.asked()
    assert supervisor.works("es-1") and agent.asked() == [LookAt("es-1")]
    agent.say(Looked("es-1", works=False))
    supervisor.dead()
    assert not supervisor.works("es-1")
    now[0] += fleet.HUNG_NS // 2
    assert supervisor.works("es-1"), "it may still answer"
    now[0] += fleet.HUNG_NS
    assert not supervisor.works("es-1")


def test_a_foreign_clock_is_measured_before_anything_starts(fleet_and_source):
    supervisor, source = fleet_and_source
    agent = FakeAgent(source, "b", clock="another")
    supervisor.start("ue_agent", "ue-1-1")
    supervisor.dead()
    ahead = 10**15
    for number in range(ENOUGH):
        assert supervisor.returned() == []
        [probe] = agent.asked()
        assert probe == Probe(number)
        agent.say(Probed(number, time.monotonic_ns() + ahead))
        supervisor.dead()
    [run] = agent.asked()
    assert isinstance(run, HostRun)
    [reading] = supervisor.clocks()
    assert not reading.same and abs(supervisor.ahead_ns("ue-1-1") - ahead) <= reading.uncertainty_ns
    assert supervisor.ahead_ns("es-1") == 0 and reading.probes == ENOUGH
    assert msgspec.json.decode(msgspec.json.encode(reading))["host"] == "b"


def test_a_clock_of_ones_own_needs_no_probe(fleet_and_source):
    supervisor, source = fleet_and_source
    agent = FakeAgent(source, "a")
    agent.serve(supervisor)
    [reading] = supervisor.clocks()
    assert reading.same and reading.uncertainty_ns == 0 and supervisor.ahead_ns("es-1") == 0
    assert agent.asked() == []


def test_a_host_that_has_not_reported_is_named(fleet_and_source):
    supervisor, _ = fleet_and_source
    supervisor.start("edge_server", "es-1")
    assert supervisor.log_tail("es-1") == ["no agent of a has reported"]


def test_what_a_host_learned_comes_into_the_run_but_from_no_host_that_does_not_learn(fleet_and_source, tmp_path):
    supervisor, source = fleet_and_source
    learning, other = FakeAgent(source, "c"), FakeAgent(source, "a")
    for agent, name in ((learning, "learner"), (other, "es-1")):
        agent.serve(supervisor)
        supervisor.start("role", name)
    remaining = tmp_path / "learned.npz"
    other.say(LearnedSoFar(b"forged"))
    supervisor.dead()
    assert not remaining.exists()
    for checkpoint in (b"first", b"second"):
        learning.say(LearnedSoFar(checkpoint))
        supervisor.dead()
        assert remaining.read_bytes() == checkpoint
    learning.say(LearnedSoFar(b"its last"), RoleDied("learner", 0, crashed=False))
    assert supervisor.dead() == ["learner"] and remaining.read_bytes() == b"its last"


def test_learners_elsewhere_pause_when_the_run_is_asked_to(fleet_and_source, tmp_path, monkeypatch):
    supervisor, source = fleet_and_source
    now = [1_000_000_000]
    monkeypatch.setattr("testbed.hosts.fleet.time.monotonic_ns", lambda: now[0])

    def orders_of(agent):
        now[0] += fleet.PAUSE_EVERY_NS
        supervisor.dead()
        return [request for request in agent.asked() if isinstance(request, Pause)]

    agent, other = FakeAgent(source, "c"), FakeAgent(source, "a")
    agent.serve(supervisor)
    other.serve(supervisor)
    supervisor.start("controller.online", "learner")
    assert orders_of(agent) == []
    learning_requests.pause(tmp_path)
    assert orders_of(agent) == [Pause(paused=True)] and orders_of(agent) == []
    agent.end.close()
    supervisor.dead()
    again = FakeAgent(source, "c")
    assert again.serve(supervisor)
    assert orders_of(again) == [Pause(paused=True)], "who comes back does not know"
    learning_requests.resume(tmp_path)
    assert orders_of(again) == [Pause(paused=False)] and orders_of(other) == []
