"""Agents that call: by keys, under their names, and a run over them."""

import contextlib
import json
import socket
import subprocess
import sys
import time

import pytest
import zmq

from testbed.hosts.calls import CALL, CARRIED, OVER, THERE, CallDoor, called, new_keys, read_keys
from testbed.model.errors import StartError
from testbed.node.doorkeeper import Doorkeeper
from tests.command import PATIENCE_S, call


@pytest.fixture
def keys(tmp_path):
    """The files of the launcher and of the agents, and of agents of another run."""
    for name, content in zip(("launcher.keys", "agents.keys"), new_keys(), strict=True):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "others.keys").write_bytes(new_keys()[1])
    return tmp_path


def free_port():
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def opened(door):
    """The next channel."""
    until = time.monotonic() + PATIENCE_S
    while not (new := door.new()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return new


@pytest.mark.live
def test_who_has_the_key_and_a_name_of_the_run_is_heard_and_nobody_else(keys):
    port = free_port()
    door = CallDoor(port, read_keys(keys / "launcher.keys"), ["a"])
    at = f"127.0.0.1:{port}"
    stranger = called(at, "a", read_keys(keys / "others.keys"))
    unnamed = called(at, "b", read_keys(keys / "agents.keys"))
    agent = called(at, "a", read_keys(keys / "agents.keys"))
    [(name, channel)] = opened(door)
    assert name == "a" and door.addresses == {"a": "127.0.0.1"}
    agent.sendall(b"hello")
    channel.send(b"welcome")
    agent.settimeout(PATIENCE_S)
    assert agent.recv(7) == b"welcome"
    until = time.monotonic() + PATIENCE_S
    while not (piece := channel.receive()):
        assert piece == b"" and time.monotonic() < until
    assert piece == b"hello" and door.new() == []
    channel.close()
    assert agent.recv(1) == b"", "the end comes through"
    for end in (stranger, unnamed, agent):
        end.close()
    door.close()


@pytest.mark.live
def test_an_agent_that_comes_back_under_its_name_calls_again_whatever_it_hears_of_its_last_life(keys):
    """The launcher's router knows it by its name alone, and says that it is there, and more, to the last one."""
    own, agents = (read_keys(keys / name) for name in ("launcher.keys", "agents.keys"))
    context = zmq.Context()
    with contextlib.closing(context.socket(zmq.ROUTER)) as router:
        Doorkeeper(router, own.secret, [own.other])
        router.linger = 0
        router.rcvtimeo = 1000 * PATIENCE_S
        agent = called(f"127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}", "a", agents)
        agent.settimeout(PATIENCE_S)
        name, kind, first = router.recv_multipart()
        assert (name, kind) == (b"a", CALL)
        for kind, data in ((THERE, b"the last life"), (CARRIED, b"for the last life"), (OVER, b"")):
            router.send_multipart([name, kind, data])
        agent.sendall(b"ready")
        assert router.recv_multipart() == [b"a", CALL, first], "not known yet: it calls on, and carries nothing"
        life = first.partition(b" ")[0]
        router.send_multipart([name, THERE, life])
        router.send_multipart([name, CARRIED, b"welcome"])
        assert agent.recv(100) == b"welcome"
        while (heard := router.recv_multipart()) == [b"a", CALL, first]:
            pass
        assert heard == [b"a", CARRIED, b"ready"]
        router.send_multipart([name, OVER, b""])
        assert agent.recv(1) == b""
        agent.close()
    context.term()


@pytest.mark.live
def test_a_door_drops_the_line_of_a_life_before_it_opens_the_next(keys):
    port = free_port()
    door = CallDoor(port, read_keys(keys / "launcher.keys"), ["a"])
    first = called(f"127.0.0.1:{port}", "a", read_keys(keys / "agents.keys"))
    [(_, old)] = opened(door)
    second = called(f"127.0.0.1:{port}", "a", read_keys(keys / "agents.keys"))
    [(name, new)] = opened(door)
    assert name == "a" and old.receive() is None, "the end of the last life is there when the next one is"
    new.send(b"welcome")
    second.settimeout(PATIENCE_S)
    assert second.recv(7) == b"welcome"
    for end in (first, second, old, new):
        end.close()
    door.close()


def test_keys_that_are_none_are_told(tmp_path):
    (tmp_path / "x").write_text("{}")
    for name, why in (("x", "holds no keys"), ("none", "No such file")):
        with pytest.raises(StartError, match=why):
            read_keys(tmp_path / name)


@pytest.mark.live
def test_a_run_over_agents_that_call_is_a_run(keys, tmp_path):
    port = free_port()
    hosts = "".join(f"  - {{name: agent-{n}, cores: 1, reach: {{swarm: agent}}}}\n" for n in (1, 2))
    (tmp_path / "hosts.yaml").write_text(f"door: {port}\nsecret: launcher.keys\nhosts:\n{hosts}")
    own = (sys.executable, "-m", "testbed.hosts", "--call", f"127.0.0.1:{port}", "--keys", str(keys / "agents.keys"))
    agents = [subprocess.Popen([*own, "--name", f"agent-{n}"]) for n in (1, 2)]
    try:
        done = call("run", "smoke", "--hosts", "hosts.yaml", "--policy", "offload", "--json", cwd=tmp_path)
        assert [agent.wait(PATIENCE_S) for agent in agents] == [0, 0]
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
    assert json.loads(done.stdout)["tasks"]["completed"] == 13
