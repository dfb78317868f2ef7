"""Runs over a Docker Swarm of two nodes whose clocks are days apart; one of its agents is killed."""

import json
import shutil

import pytest

from testbed.policy.shipped import path_of
from testbed.protocol.rows import CLOCK, DIED, RESTARTED
from testbed.record.reader import read_record
from testbed.scenario.load import shipped
from tests.containers import engine
from tests.containers.support import finished
from tests.hosts import swarm

IN_TIME = 83  # of the requests, within 60 slots
LIGHT = ("--set", "emulation.burn=0.02", "--set", "emulation.ues_per_process=5")

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.slow,
    pytest.mark.skipif(bool(swarm.missing()), reason=swarm.missing()),
]


@pytest.fixture(scope="module", name="nodes")
def _nodes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTBED_CONTROLLER_IMAGE", swarm.IMAGE)
        try:
            with swarm.nodes() as sockets:
                yield sockets
        except engine.UnavailableError as why:
            pytest.skip(str(why))


def test_a_scenario_with_its_trace_and_a_checkpoint_go_to_nodes_with_clocks_days_apart(nodes, tmp_path):
    for source in (shipped()["recorded"], shipped()["recorded"].with_name("requests.csv")):
        shutil.copy(source, tmp_path)
    shutil.copy(str(path_of("a3c-do")), tmp_path / "own.npz")
    options = [str(tmp_path / "recorded.yaml"), "--policy", f"a3c-do:{tmp_path / 'own.npz'}", "--slots", "60"]
    options += ["--speed", "5", *LIGHT]
    run, log = swarm.run(tmp_path, "traced", options)
    record = read_record(run / "run.db")
    clocks = {event.source: json.loads(event.detail)["ahead_ns"] for event in record.events if event.kind == CLOCK}
    assert clocks.keys() == {"agent-1", "agent-2"}, log
    apart = sorted(abs(round(ahead_ns / (swarm.APART_S * 1e9), 3)) for ahead_ns in clocks.values())
    assert apart == [0.0, 1.0]  # the recorder is on one of the two nodes
    assert len(record.tasks) == IN_TIME and not any(task.reason for task in record.tasks)


def test_an_agent_that_is_killed_comes_back_and_so_do_its_processes(nodes, tmp_path):
    _, other = nodes.values()
    killed: list[str] = []

    def kill_once_it_runs():
        begun = engine.docker("volume", "ls", "--quiet", "--filter", "name=killed_runs")
        if begun and not killed and any(finished(run) > 10 for run in swarm.volume("killed").iterdir()):
            [agent] = engine.docker("--host", other, "ps", "--quiet", "--filter", "name=killed_agent-2").split()
            engine.docker("--host", other, "kill", agent)
            killed.append(agent)
        return bool(killed)

    options = ["region", "--slots", "200", "--speed", "5", *LIGHT]
    run, log = swarm.run(tmp_path, "killed", options, kill_once_it_runs)
    record = read_record(run / "run.db")
    died = {event.source for event in record.events if event.kind == DIED}
    back = {event.source for event in record.events if event.kind == RESTARTED}
    assert died and died == back, log
    assert len({(task.ue, task.number) for task in record.tasks}) == len(record.tasks)
