"""The oracle of `examples` computes every delay again, independently; it must agree with the simulation."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from examples import oracle
from testbed.model.changing_link import RateTrace
from testbed.model.delay import NS_PER_S
from testbed.model.queue import FCFS
from testbed.model.system import Backhaul, Fault, Plan, Radio
from testbed.policy import loading
from testbed.record.writer import Recorder
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests import support
from tests.command import PATIENCE_S

ORACLE = Path(__file__).resolve().parents[1] / "examples" / "oracle.py"
SCENARIOS = ("region", "region-matched", "paper-like", "recorded", "smoke")
POLICIES = ("random-do", "greedy-do", "offload-do")


def record(folder: Path, plan: Plan) -> Path:
    """Simulate ``plan`` and record it as a run would be."""
    policy, _ = loading.load(plan.policy)
    made = simulate(plan, policy)
    system = msgspec.json.encode(plan.system).decode()
    recorder = Recorder(folder / "run.db", {"system": system, "second_offload": plan.second_offload})
    for rows in (made.tasks, made.slots, made.links, made.events):
        recorder.add(rows)
    recorder.close()
    return folder


def shipped(name: str, strategy: str) -> Plan:
    resolved = inputs.resolve(load_scenario(name))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, strategy, second_offload=loading.load(strategy)[1], live=False)


@pytest.mark.parametrize("strategy", POLICIES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_oracle_agrees_on_every_shipped_scenario_with_a_dedicated_radio(name, strategy, tmp_path, capsys):
    assert oracle.main(record(tmp_path, shipped(name, strategy))) == 0
    assert "max |difference| of delay" in capsys.readouterr().out


TRACE = {"trace_edges_ns": (0, 700_000_000), "trace_bps": (3e6, 11e6), "trace_period_ns": 1_100_000_000}
OWN = tuple(
    RateTrace(edges_ns=(0, 400_000_000), bps=(2e6 + ue * 1e6, 9e6), period_ns=1_000_000_000 + ue * 100_000_000)
    for ue in range(15)
)
NORMAL = {"jitter_kind": 3, "jitter_low_ns": 5_000_000, "jitter_high_ns": 9_000_000, "latency_ns": 4_000_000}
CORNERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "normal jitter, loss and results": (
        {"loss": 0.2, **NORMAL, "return_latency_ns": 2_000_000, "result_bits": 100_000},
        {},
    ),
    "exponential jitter": ({"jitter_kind": 2, "jitter_high_ns": 30_000_000}, {}),
    "a rate trace": (TRACE, {}),
    "a trace of each UE": ({"traces": OWN, "loss": 0.1}, {}),
    "block fading": ({"coherence_ns": 40_000_000, "bandwidth_hz": 2e6, "max_spectral_efficiency": 7.4}, {}),
    "fading without a cap": ({"coherence_ns": 3_000_000, "bandwidth_hz": 2e6, "loss": 0.1}, {}),
    "short queues": ({"return_latency_ns": 1_000_000}, {"queue_limit": 1}),
    "cores": ({}, {"cores": 3}),
    "first come first served": ({}, {"discipline": FCFS}),
}


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("strategy", ["random-do", "offload-do", "random"])
def test_the_oracle_agrees_in_the_corners(corner, strategy, tmp_path):
    radio, es = CORNERS[corner]
    system, workload = support.region(slots=60, **radio)
    if radio.get("traces"):
        ues = tuple(msgspec.structs.replace(ue, trace=ue.index) for ue in system.ues)
        system = msgspec.structs.replace(system, ues=ues)
    edge_servers = tuple(msgspec.structs.replace(server, **es) for server in system.edge_servers)
    system = msgspec.structs.replace(system, edge_servers=edge_servers, backhaul=Backhaul(float("inf"), 1_000_000))
    plan = support.plan(system, workload, strategy, double=strategy.endswith("-do"))
    assert oracle.main(record(tmp_path, plan)) == 0


SLOWED = "{at: 3.3 s, for: 9.1 s, every: 20 s, slow: es-2 to 30%}, {at: 10 s, slow: es-1 to 61.7%}"
DEGRADED = (
    "{at: 3.3 s, for: 9.1 s, every: 20 s, degrade: ue-2-1 to 1 Mbit/s +70 ms}, {at: 10 s, degrade: ue-1-2 to +2 s},"
    "{at: 5 s, for: 8 s, degrade: ue-3-3 to 3 Mbit/s}"
)
CUT = (
    "{at: 3.3 s, for: 4 s, every: 20 s, cut: ue-2-1:es-2}, {at: 10 s, for: 20 s, degrade: ue-2-1 to 2 Mbit/s},"
    "{at: 5 s, for: 8 s, cut: es-1:es-3}, {at: 20 s, for: 7 s, partition: cell 3}, {at: 24 s, for: 9 s, cut: es-3:es-1}"
)
LOSSY = (
    "{at: 3.3 s, for: 9.1 s, every: 20 s, degrade: ue-2-1 to 3 Mbit/s loss 30% +7 ms both ways},"
    "{at: 10 s, degrade: ue-1-2 to loss 60% both ways}, {at: 20 s, for: 9 s, degrade: ue-3-1 to loss 0}"
)
PAUSED = (
    "{at: 3.3 s, for: 4 s, every: 20 s, pause: es-2}, {at: 6 s, for: 5.5 s, pause: ue-1-2},"
    "{at: 5 s, for: 8 s, slow: es-2 to 40%}, {at: 10 s, for: 3 s, pause: es-1}, {at: 58 s, for: 7 s, pause: ue-3-1}"
)
CHANGES = {"paused": PAUSED, "lossy links": LOSSY, "slow servers": SLOWED, "degraded links": DEGRADED, "cut links": CUT}


@pytest.mark.parametrize("strategy", ["offload-do", "greedy"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_oracle_agrees_on_planned_changes(change, strategy, tmp_path):
    resolved = inputs.resolve(
        load_scenario(
            "region",
            ["slots=60", "density=0.5", "radio.loss=0.1", "radio.result_bits=90 kB", f"faults=[{CHANGES[change]}]"],
        )
    )
    workload = inputs.generate(resolved.scenario, resolved.system)
    plan = resolved.plan(workload, strategy, second_offload=loading.load(strategy)[1], live=False)
    assert oracle.main(record(tmp_path, plan)) == 0


@pytest.mark.parametrize("pause", ["", ", {at: 24 s, for: 5 s, pause: ue-3-2}"])
def test_the_oracle_agrees_where_ues_take_back_what_a_cut_holds(pause, tmp_path):
    cuts = "{at: 4.3 s, for: 4 s, every: 5 s, cut: ue-2-1:es-2}, {at: 3.2 s, for: 6 s, every: 10 s, cut: ue-3-2:es-3}"
    settings = ["slots=60", "density=0.8", "task.input=1.5 MB", "ue.on_cut=recover", f"faults=[{cuts}{pause}]"]
    resolved = inputs.resolve(load_scenario("region", settings))
    workload = inputs.generate(resolved.scenario, resolved.system)
    path = record(tmp_path, resolved.plan(workload, "offload-do", second_offload=True, live=False))
    assert oracle.main(path) == 0
    assert (
        oracle.main(
            corrupt(path, """UPDATE meta SET value = replace(value, 's_from_cuts":true', 's_from_cuts":false')""")
        )
        == 1
    )


@pytest.mark.parametrize("strategy", ["po2-any", "greedy-any"])
@pytest.mark.parametrize("change", ["", *CHANGES])
def test_the_oracle_agrees_where_agents_choose_the_target(change, strategy, tmp_path):
    settings = ["slots=60", "density=0.6", "radio.loss=0.1", f"faults=[{CHANGES.get(change, '')}]"]
    resolved = inputs.resolve(load_scenario("region", [*settings, "second_offload.by=agent"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    path = record(tmp_path, resolved.plan(workload, strategy, second_offload=True, live=False))
    assert oracle.main(path) == 0
    assert oracle.main(corrupt(path, "UPDATE tasks SET choice = 2 WHERE choice = 3")) == 1


def corrupt(path: Path, statement: str) -> Path:
    db = sqlite3.connect(path / "run.db")
    db.execute(statement)
    db.commit()
    db.close()
    return path


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE tasks SET finished_ns = finished_ns + 21 WHERE number = 3 AND ue = 'ue-2-1'",
        "UPDATE tasks SET choice = 1 - choice WHERE number = 3 AND ue = 'ue-2-1'",
        "UPDATE meta SET value = 'false' WHERE key = 'second_offload'",
        "DELETE FROM tasks",
    ],
)
def test_the_oracle_notices_a_record_that_does_not_follow_from_its_inputs(lie, tmp_path):
    run = corrupt(record(tmp_path, shipped("region", "random-do")), lie)
    assert oracle.main(run) == 1


def test_the_oracle_refuses_what_it_does_not_compute(tmp_path, capsys):
    system, workload = support.region(slots=10)
    (tmp_path / "dead").mkdir()
    dead = support.plan(system, workload, faults=[Fault("es-1", 3_000_000_000)])
    assert oracle.main(record(tmp_path / "dead", dead)) == 2
    shared = msgspec.structs.replace(system, radio=Radio(access="shared"))
    (tmp_path / "shared").mkdir()
    assert oracle.main(record(tmp_path / "shared", support.plan(shared, workload))) == 2
    assert oracle.main(tmp_path / "absent") == 2
    said = capsys.readouterr().err
    assert "died" in said and "share" in said and "unable to open" in said


def test_the_oracle_runs_on_the_standard_library_alone(tmp_path):
    run = record(tmp_path, shipped("smoke", "greedy-do"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ORACLE), str(run)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_controllers_death_changes_decisions_only_which_are_in_the_record(tmp_path, capsys):
    made = msgspec.structs.replace(shipped("region", "greedy-do"), faults=(Fault("controller", 20 * NS_PER_S),))
    assert oracle.main(record(tmp_path, made)) == 0
    assert "max |difference| of delay: 0 ns" in capsys.readouterr().out
