"""Planned faults that kill nobody: what simulation and twin compute and record of them, and what a replay repeats."""

import msgspec
import pytest

from testbed.analysis import replay
from testbed.analysis.incidents import disturbances
from testbed.experiments.runner import Order, execute, summary_of
from testbed.policy import loading
from testbed.protocol.rows import FAULT_BEGAN, FAULT_OVER
from testbed.record.backends import SIM, TWIN
from testbed.scenario.load import parse_scenario
from testbed.trace import inputs
from tests.twin.test_parity import compare

S = 10**9
OVERLOAD = "{at: 5 s, for: 4 s, overload: cell 1 x 3}"
SLOW = "{at: 5 s, for: 4 s, slow: es-2 to 37%}"
DEGRADE = "{at: 5 s, for: 4 s, degrade: ue-3-2 to 1.5 Mbit/s +20 ms}"
LOSS = "{at: 5 s, for: 4 s, degrade: ue-3-2 to 3 Mbit/s loss 40%}"
ON_THE_TWIN = {"overload": OVERLOAD, "slow": SLOW, "degrade": DEGRADE, "loss": LOSS}
CUT = "{at: 5 s, for: 4 s, cut: ue-3-2:es-3}"
PARTITION = "{at: 5 s, for: 4 s, partition: cell 3}"
BOTH = "{at: 5 s, for: 4 s, degrade: ue-3-2 to 1.5 Mbit/s loss 40% +20 ms both ways}"
PAUSES = {f"pause {who}": f"{{at: 5 s, for: 4 s, pause: {who}}}" for who in ("es-2", "ue-3-2")}
ALL = {**ON_THE_TWIN, **PAUSES, "both ways": BOTH, "cut": CUT, "partition": PARTITION}


def played(faults, rest="slots: 20"):
    """The resolved scenario with these faults, and its tasks."""
    resolved = inputs.resolve(parse_scenario(f"{rest}\nfaults: [{faults}]"))
    return resolved, inputs.generate(resolved.scenario, resolved.system)


def planned(faults, strategy="greedy-do", rest="slots: 20"):
    resolved, tasks = played(faults, rest)
    policy, double = loading.load(strategy)
    return resolved.plan(tasks, strategy, second_offload=double, live=False), policy


@pytest.mark.parametrize("strategy", ["greedy-do", "offload", "random-do"])
@pytest.mark.parametrize("kind", ON_THE_TWIN)
def test_the_twin_computes_what_the_simulation_does(kind, strategy):
    compare(*planned(ON_THE_TWIN[kind], strategy))


SLOWS = ", ".join(
    f"{{at: {at} s, for: 1.9 s, every: 7.3 s, slow: {what}}}" for at, what in ((0.5, "es-1 to 0.4"), (2, "es-3 to 13%"))
)


@pytest.mark.parametrize(
    "rest",
    [
        "slots: 40",
        "slots: 40\ncells: [{es: {cores: 3, cpu: 1 GHz}}, {es: {discipline: fcfs}}, {es: {queue_limit: 1}}]",
        "slots: 40\nradio: {access: shared, latency: 3 ms}",
    ],
    ids=["region", "cores, disciplines, limits", "a shared radio"],
)
def test_the_twin_computes_slow_servers_of_every_kind_as_the_simulation_does(rest):
    compare(*planned(SLOWS, "offload-do", rest))


TRACED = "radio: {trace: {durations: [0.7 s, 0.4 s], rates: [9 Mbit/s, 2 Mbit/s]}, latency: 3 ms}"


OWN_TRACE = (
    "cells: [{trace: {durations: [0.7 s, 0.4 s], rates: [9 Mbit/s, 2 Mbit/s]}}, {es: {cpu: 3 GHz}}, {es: {cpu: 2 GHz}}]"
)


@pytest.mark.parametrize("rest", ["", TRACED, OWN_TRACE, "radio: {loss: 0.2, jitter: {exponential: 4 ms}}"])
def test_the_twin_computes_degraded_links_of_every_kind_as_the_simulation_does(rest):
    faults = DEGRADE + ", {at: 2.2 s, for: 2 s, every: 3.1 s, degrade: ue-1-1 to 700 kbit/s}, " + SLOW
    compare(*planned(faults + ", {at: 3 s, degrade: ue-2-2 to +1 s}", "offload-do", f"slots: 30\n{rest}"))


def test_a_shared_band_knows_added_latency_alone():
    compare(*planned("{at: 5 s, for: 4 s, degrade: ue-3-2 to +90 ms}", "offload", "slots: 20\nradio: {access: shared}"))


def test_a_link_that_fades_knows_added_latency_alone():
    compare(*planned("{at: 5 s, for: 4 s, degrade: ue-3-2 to +90 ms}", "offload", "slots: 20\nradio: {fading: 50 ms}"))


@pytest.mark.parametrize("kind", ALL)
def test_a_replay_repeats_every_task_and_the_record_tells_of_the_fault(kind, tmp_path):
    resolved, tasks = played(ALL[kind])
    order = Order(resolved=resolved, workload=tasks, policy="offload-do", backend=SIM, out=str(tmp_path / "run"))
    run = execute(order)
    assert replay.as_recorded(run).tasks == run.tasks
    kinds = [(event.at_ns, event.kind) for event in run.record.events if event.kind in (FAULT_BEGAN, FAULT_OVER)]
    assert kinds == [(5 * S, FAULT_BEGAN), (9 * S, FAULT_OVER)]
    assert summary_of(run).faults == disturbances(run.record.events)
    assert summary_of(run).faults[0].endswith("from 5.0 to 9.0 s")
    calm = msgspec.structs.replace(resolved.scenario, faults=())
    assert inputs.generate(calm, resolved.system) != tasks or execute(
        msgspec.structs.replace(order, resolved=inputs.resolve(calm), out=str(tmp_path / "calm"))
    ).tasks != list(run.tasks)


@pytest.mark.parametrize("kind", ON_THE_TWIN)
def test_a_run_on_the_twin_records_the_fault_too(kind, tmp_path):
    resolved, tasks = played(ON_THE_TWIN[kind])
    order = Order(resolved=resolved, workload=tasks, policy="greedy-do", backend=TWIN, out=str(tmp_path / "run"))
    assert len(summary_of(execute(order)).faults) == 1


def test_what_goes_on_to_the_end_has_no_end_in_the_summary(tmp_path):
    resolved, tasks = played("{at: 5 s, overload: cell 1 x 3}")
    run = execute(Order(resolved=resolved, workload=tasks, policy="lc", backend=SIM, out=str(tmp_path / "run")))
    assert summary_of(run).faults == ["overload cell 1 x 3 from 5.0 s on"]
