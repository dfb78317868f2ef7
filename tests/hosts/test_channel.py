"""Where agents come from: who may report, what never waits."""

import os
import select
import socket
import subprocess
import sys

import pytest

from testbed.hosts.channel import CALLS_AT_ONCE, AgentSocket, Channel
from testbed.hosts.started import StartedAgents
from testbed.model.errors import StartError
from testbed.node.socket import LOGGED
from tests.command import ROOT


def test_only_the_users_of_the_run_may_report(tmp_path):
    other = AgentSocket(tmp_path / "door", {"es-1": os.getuid() + 1})
    own = AgentSocket(tmp_path / "own", {"es-2": os.getuid()})
    try:
        with socket.socket(socket.AF_UNIX) as refused, socket.socket(socket.AF_UNIX) as welcome:
            refused.connect(str(tmp_path / "door"))
            welcome.connect(str(tmp_path / "own"))
            assert other.new() == [] and other.refused == 1
            assert refused.recv(1) == b""
            [(host, channel)] = own.new()
            channel.send(b"hello")
            assert host == "es-2" and welcome.recv(5) == b"hello"
            welcome.close()
            assert channel.receive() is None
            channel.close()
    finally:
        other.close()
        own.close()
    assert not (tmp_path / "door").exists()


def test_a_flood_of_strangers_keeps_nobody_and_fills_no_log(tmp_path, monkeypatch, caplog):
    """For each that is turned away another one is there already."""
    door = AgentSocket(tmp_path / "door", {"es-1": os.getuid() + 1})
    callers = []

    def accept(_):
        near, far = socket.socketpair()
        callers.append(far)
        return near, ""

    monkeypatch.setattr(socket.socket, "accept", accept)
    try:
        assert door.new() == [] and door.refused == CALLS_AT_ONCE == len(callers)
    finally:
        door.close()
        for one in callers:
            one.close()
    assert len(caplog.records) == LOGGED < CALLS_AT_ONCE


@pytest.mark.live
def test_an_agent_that_is_to_outlast_its_launcher_ends_after_it(tmp_path):
    """Compose may end a run with the first container that ends, which must not be before the summary."""
    door = AgentSocket(tmp_path / "door", {"a": os.getuid()})
    join = (sys.executable, "-m", "testbed.hosts", "--join", str(tmp_path / "door"))
    agents = []
    try:
        for more in ((), ("--outlast",)):
            agents.append(subprocess.Popen([*join, *more], cwd=ROOT))
            while not (result := door.new()):
                pass
            [(_, channel)] = result
            while b"here" not in (channel.receive() or b""):
                pass
            remaining = socket.socket(fileno=os.dup(channel.fd))  # as in `Channel.end_with_process`
            with remaining:
                remaining.shutdown(socket.SHUT_WR)
                channel.close()
                if more:
                    with pytest.raises(subprocess.TimeoutExpired):
                        agents[-1].wait(2)
                else:
                    assert agents[-1].wait(60) == 0
        assert agents[-1].wait(60) == 0
    finally:
        door.close()
        for agent in agents:
            agent.kill()
            agent.wait()


def test_what_is_released_hears_the_end_at_once_and_is_closed_with_the_process():
    near_end, other = socket.socketpair()
    Channel(near_end).end_with_process()
    gone = select.poll()
    gone.register(other, 0)
    with other:
        assert other.recv(1) == b"" and gone.poll(0) == [], "not yet"


def test_a_socket_that_cannot_be_opened_is_the_users_business(tmp_path):
    with pytest.raises(StartError, match="No such file"):
        AgentSocket(tmp_path / "no" / "folder", {})


def test_an_agent_that_reads_nothing_holds_nobody_up():
    near_end, other = socket.socketpair()
    channel = Channel(near_end)
    big = bytes(8 * 1024 * 1024)
    channel.send(big)
    assert channel.receive() == b""
    got = 0
    while got < len(big):
        got += len(other.recv(1 << 20))
        channel.receive()
    other.close()
    channel.close()
    assert got == len(big)


def test_a_command_carries_an_agent_by_its_standard_streams(tmp_path):
    echo = [sys.executable, "-c", "import sys; [print(line.strip()[::-1], flush=True) for line in sys.stdin]"]
    source = StartedAgents({"a": echo}, tmp_path)
    [(host, channel)] = source.new()
    channel.send(b"abc\n")
    output = b""
    while not output.endswith(b"\n"):
        output += channel.receive() or b""
    channel.close()
    source.close()
    assert (host, output) == ("a", b"cba\n") and source.new() == []


def test_a_command_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StartError, match="the agent of a cannot be started: /no/such"):
        StartedAgents({"a": ["/no/such"]}, tmp_path)
