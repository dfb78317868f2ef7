"""Whole runs by host agents: a command carries each, one or all of them die, clocks differ."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from testbed.analysis.grading import clock_doubt_ns
from testbed.hosts.channel import AgentSocket
from testbed.hosts.fleet import FleetSupervisor
from testbed.hosts.started import StartedAgents
from testbed.live.launch import launch
from testbed.live.supervisor import Deployment
from testbed.model.task import INTERRUPTED
from testbed.policy.checkpoint import can_learn_online, read
from testbed.protocol.rows import CLOCK, DIED, RESTARTED
from testbed.record.reader import read_record
from testbed.scenario.load import load_scenario
from testbed.trace import inputs

pytestmark = pytest.mark.live
AGENT = (sys.executable, "-m", "testbed.hosts")
FAR = ("unshare", "--time", "--monotonic", "1000000", "--fork", "--kill-child")
CHANGES = ("emulation.transport=tcp", "emulation.burn=0.02", "emulation.speed=5")


def host_of(name):
    return "servers" if name.startswith("es") else "others"


def planned(*more):
    resolved = inputs.resolve(load_scenario("smoke", [*CHANGES, *more]))
    return resolved.plan(
        inputs.generate(resolved.scenario, resolved.system), "offload", second_offload=False, live=True
    )


def by(source):
    return Deployment(lambda run_dir, token: FleetSupervisor(run_dir, token, source(run_dir), host_of))


def ended(folder):
    """The record, in which every task has one end."""
    record = read_record(folder / "run.db")
    assert len({(row.ue, row.number) for row in record.tasks}) == len(record.tasks)
    return record


def test_a_run_by_agents_is_a_run(tmp_path):
    commands = {"servers": AGENT, "others": AGENT}
    end = launch(planned(), tmp_path, deployment=by(lambda run_dir: StartedAgents(commands, run_dir / "logs")))
    assert end.reason == ""
    record = ended(tmp_path)
    assert len(record.tasks) == 13 and all(row.finished_ns >= 0 for row in record.tasks)
    clocks = [json.loads(event.detail) for event in record.events if event.kind == CLOCK]
    assert sorted(clock["host"] for clock in clocks) == ["others", "servers"]
    assert all(clock["same"] for clock in clocks) and clock_doubt_ns(record.events) == 0.0


def test_hosts_whose_clocks_are_days_apart_play_together(tmp_path):
    if subprocess.run([*FAR, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespace of times may be made here")
    commands = {"servers": [*FAR, *AGENT], "others": AGENT}
    end = launch(planned(), tmp_path, deployment=by(lambda run_dir: StartedAgents(commands, run_dir / "logs")))
    assert end.reason == ""
    record = ended(tmp_path)
    assert len(record.tasks) == 13 and all(row.finished_ns >= 0 for row in record.tasks)
    readings = [json.loads(event.detail) for event in record.events if event.kind == CLOCK and event.value > 0.0]
    assert readings and {clock["host"] for clock in readings} == {"servers"}
    assert all(abs(clock["ahead_ns"] - 10**15) <= clock["uncertainty_ns"] + 10**4 for clock in readings)
    assert clock_doubt_ns(record.events) > 0.0


def test_a_checkpoint_travels_to_where_the_controller_is(tmp_path):
    (tmp_path / "policy.json").write_text('{"policy": "priced", "beta": 0.1, "beta0": 0.0}')
    plan = msgspec.structs.replace(planned(), policy="priced-do:policy.json")
    commands = {"servers": AGENT, "others": AGENT}
    end = launch(plan, tmp_path, deployment=by(lambda run_dir: StartedAgents(commands, run_dir / "logs")))
    assert end.reason == "" and len(ended(tmp_path).tasks) == 13


def test_what_is_learned_at_a_host_comes_to_the_run_while_it_goes_on(tmp_path):
    pytest.importorskip("torch")
    plan = msgspec.structs.replace(planned("slots=40000", "emulation.speed=10"), policy="a3c-do", learn=True)
    learned = tmp_path / "learned.npz"

    def watch(progress):
        if learned.exists():
            os.kill(os.getpid(), signal.SIGINT)

    commands = {"servers": AGENT, "others": AGENT}
    end = launch(plan, tmp_path, watch, deployment=by(lambda run_dir: StartedAgents(commands, run_dir / "logs")))
    assert end.reason == INTERRUPTED
    assert ended(tmp_path).updates[-1].updates == read(learned)[1]["learned"]["updates"] > 0
    assert can_learn_online(learned).params.size


def test_a_host_that_died_comes_back_and_serves_again(tmp_path):
    """What `docker kill` and `docker start` do: the agent at a socket, with all that it started."""
    door = tmp_path / "door"
    agents = {}
    messages: list[Any] = []

    def report(host):
        agents[host] = subprocess.Popen([*AGENT, "--join", str(tmp_path / f"{door.name}-{host}")])

    class BothSockets:
        """Two sockets, since here every agent is the same user."""

        def __init__(self):
            self.fd = -1
            self._doors = [
                AgentSocket(tmp_path / f"door-{host}", {host: os.getuid()}) for host in ("servers", "others")
            ]

        def new(self):
            return [result for one in self._doors for result in one.new()]

        def release(self, channel):
            self._doors[0].release(channel)

        def close(self):
            for one in self._doors:
                one.close()

    def watch(progress):
        """Kill it, bring it back, and once it has been back for a while end the run."""
        if not messages and progress.phase == "running" and progress.finished >= 2:
            messages.append("killed")
            agents["servers"].send_signal(signal.SIGKILL)
            agents["servers"].wait()
            report("servers")
        elif messages == ["killed"] and progress.alive < progress.processes:
            messages.append("missed")
        elif messages[1:] == ["missed"] and progress.alive == progress.processes:
            messages.append(progress.finished)
        elif len(messages) == 3 and progress.finished >= messages[2] + 40:
            messages.append("enough")
            os.kill(os.getpid(), signal.SIGINT)

    for host in ("servers", "others"):
        report(host)
    run = tmp_path / "r"
    run.mkdir()
    try:
        end = launch(planned("slots=4000"), run, watch, deployment=by(lambda run_dir: BothSockets()))
        for agent in agents.values():
            assert agent.wait(30) == 0
    finally:
        for agent in agents.values():
            agent.kill()
            agent.wait()
    record = ended(run)
    assert end.reason == INTERRUPTED and messages[3:] == ["enough"]
    [died] = [event for event in record.events if event.kind == DIED]
    [back] = [event for event in record.events if event.kind == RESTARTED]
    assert died.source == back.source == "es-1" and died.at_ns < back.at_ns
    assert any(row.es == "es-1" and row.generated_ns > back.at_ns for row in record.tasks)


def test_agents_end_with_their_launcher_and_leave_nothing(tmp_path):
    code = f"""
import sys, time
sys.path.insert(0, {os.getcwd()!r})
from pathlib import Path
from testbed.hosts.started import StartedAgents
source = StartedAgents({{"a": {list(AGENT)!r}}}, Path({str(tmp_path)!r}))
print(source._carried["a"].running.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        pid = int(launcher.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        launcher.kill()
    until = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
