"""Verification: the theory it compares with, checked against hand-made numbers; and its verb on real processes."""

import json
import math
import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, kstwobign

from testbed.model import link, random
from testbed.model.delay import NS_PER_MS, NS_PER_S
from testbed.model.system import SHARED, Plan, Radio
from testbed.policy.heuristics import FixedChoice
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from testbed.verify import links, theory, whole, work
from testbed.verify.bench import compared, evaluated, link_ns, room, system, task
from tests.command import call

WORKS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 40)), min_size=1, max_size=8)


def test_processor_sharing_of_equals_takes_as_many_times_as_long():
    assert theory.processor_sharing([0.0] * 4, [1.0] * 4) == pytest.approx([4.0] * 4)
    assert theory.processor_sharing([0.0, 1.0], [2.0, 0.5]) == pytest.approx([2.5, 2.0])


@given(WORKS)
def test_the_shared_radio_is_processor_sharing(jobs):
    made = system([8e6] * len(jobs), 1.0, Radio(access=SHARED))
    tasks = [task(ue, 0, at * NS_PER_MS, work_ * 8_000) for ue, (at, work_) in enumerate(jobs)]
    plan = Plan(
        system=made,
        workload=tuple(sorted(tasks, key=lambda one: (one.generated_ns, one.ue))),
        policy="offload",
        second_offload=False,
    )
    rows = sorted(simulate(plan, FixedChoice(1)).tasks, key=lambda row: int(row.ue.rsplit("-", 1)[1]))
    ends = theory.processor_sharing([at * 1e-3 for at, _ in jobs], [work_ * 1e-3 for _, work_ in jobs])
    assert [(row.ready_ns + link_ns(row)) / NS_PER_S for row in rows] == pytest.approx(ends, abs=1e-6)


@given(st.integers(0, 2_000), st.integers(1, 500))
def test_the_integral_of_a_trace_is_the_link_that_follows_it(at, size):
    edges, rates, period = (0, 150 * NS_PER_MS, 250 * NS_PER_MS), (8e6, 0.0, 40e6), 400 * NS_PER_MS
    end = link.traced_end_ns(at * NS_PER_MS, size * 8_000, edges, rates, period)
    asked = theory.traced_s(at * 1e-3, size * 8_000, [edge / NS_PER_S for edge in edges], rates, period / NS_PER_S)
    assert end / NS_PER_S == pytest.approx(asked, abs=1e-6)


def test_distances_of_distributions():
    even = [(i + 0.5) / 100 for i in range(100)]
    assert theory.ks_distance(even, lambda x: x) == pytest.approx(0.005)
    assert theory.ks_distance([x / 2 for x in even], lambda x: x) == pytest.approx(0.5, abs=0.01)
    drawn = [random.uniform(3, 1, 0, n, 0) for n in range(1000)]
    assert theory.ks_distance(drawn, lambda x: x) < theory.ks_limit(1000) < 0.07
    assert theory.ks_distance(drawn, lambda x: x) == pytest.approx(kstest(drawn, "uniform").statistic)
    assert kstwobign.sf(theory.ks_limit(1000) * 1000**0.5) == pytest.approx(0.001, rel=1e-6)


def test_waits_of_queues():
    assert theory.wait_md1_s(0.5, 2.0) == 1.0 and theory.wait_mm1_s(0.5, 2.0) == 2.0
    assert theory.lindley_s([0, 1, 5], [3, 3, 1]) == [0, 2, 1]
    made, workload = work.poisson("M/M/1", 200)
    rows = simulate(Plan(system=made, workload=workload, policy="offload", second_offload=False), FixedChoice(1)).tasks
    waits = theory.lindley_s([row.arrival_ns for row in rows], [row.execution_ns for row in rows])
    assert waits == [row.es_wait_ns for row in rows]
    assert work.standard_error([1.0] * 100) == 0.0


def test_a_check_judges_the_median_and_says_what_lies_outside():
    assert evaluated("x", "y", 2.0, [1.0, 2.01, 9.0], "s", 0.01).ok
    bad = evaluated("x", "y", 2.0, [2.2, 2.2], "s", 0.01)
    assert not bad.ok and bad.error == pytest.approx(0.1) and bad.samples == 2
    assert not evaluated("x", "y", 2.0, [], "s", 0.01).ok
    assert compared("x", "y", [(1.0, 1.1), (2.0, 2.0), (4.0, 4.2)], "s", 0.06).error == pytest.approx(0.05)
    assert room(0.01, 1e6) == pytest.approx(0.3) and room(0.01, 1e12) == 0.01


def test_samples_of_the_bench_have_the_jitter_and_loss_they_are_compared_with(monkeypatch):
    def simulated(made, tasks, *rest):
        ordered = tuple(sorted(tasks, key=lambda one: (one.generated_ns, one.ue, one.number)))
        return simulate(Plan(system=made, workload=ordered, policy="offload", second_offload=False), FixedChoice(1))

    monkeypatch.setattr(links, "run", simulated)
    checks = [*links.jitter(), *links.loss(), *links.shared(1), *links.transfers(2), *links.traced(2)]
    assert [check.what for check in checks if not check.ok] == []
    exact = [check.error for check in checks if check.kind in ("transfer", "trace", "shared radio")]
    assert max(exact) < 1e-6 and not math.isnan(statistics.mean(exact))


def test_the_twin_is_compared_task_by_task():
    resolved = inputs.resolve(load_scenario("region", ["slots=10"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    (check,) = whole.twin(resolved, workload, pytest.fail)
    assert check.ok and check.samples == len(workload) > 50 and check.measured == 0
    rows = simulate(resolved.plan(workload, "lc", second_offload=False, live=False), FixedChoice(0)).tasks
    other = [msgspec.structs.replace(rows[0], end_ns=rows[0].end_ns + 1), *rows[2:]]
    assert whole.differing(rows, rows) == 0 and whole.differing(rows, other) == whole.differing(other, rows) == 2


def test_what_the_twin_cannot_express_is_left_out_and_said():
    said: list[str] = []
    resolved = inputs.resolve(load_scenario("region", ["slots=10", "agent.epoch=arrival"]))
    assert list(whole.twin(resolved, inputs.generate(resolved.scenario, resolved.system), said.append)) == []
    assert "the twin does not support it" in said[0]


@pytest.mark.fidelity
@pytest.mark.live
def test_the_verb_checks_everything_and_its_exit_code_says_whether_all_held(tmp_path):
    done = call("verify", "smoke", "--quick", "--slots", "4", "--json", cwd=tmp_path, code=None)
    found = json.loads(done.stdout)
    kinds = {check["kind"] for check in found["checks"]}
    assert kinds == {
        "transfer",
        "latency",
        "jitter",
        "loss",
        "shared radio",
        "trace",
        "cycles",
        "burn",
        "queue",
        "scenario",
        "twin",
    }
    assert done.returncode == (0 if found["ok"] else 5)
    assert all(check["measured"] is not None and check["samples"] > 0 for check in found["checks"])
