"""Who lives where, what a host and a link will carry, and what is said of it before a run."""

import json

import msgspec
import pytest

from testbed.hosts.hosts_file import parse_hosts
from testbed.hosts.link_check import clock_verdict, slow_links, typical_delay_s
from testbed.hosts.placement import LAUNCHER_HOST, auto_burn, placed
from testbed.live.host_costs import HostCosts
from testbed.live.supervisor import ClockReading
from testbed.model.errors import UsageError
from testbed.protocol.placement import processes_of
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.command import call

COSTS = HostCosts()
TWO = """hosts:
  - {{name: a, address: 10.0.0.1, cores: 2{}}}
  - {{name: b, address: 10.0.0.2, cores: 2{}}}
"""


def planned(*changes, second_offload=True):
    resolved = inputs.resolve(load_scenario("region", ["slots=20", "emulation.burn=0.02", *changes]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    return resolved.plan(workload, "greedy-do", second_offload=second_offload, live=True)


def on(text, plan):
    return placed(plan, processes_of(plan), parse_hosts(text, "hosts.yaml"), COSTS)


def cell_of(name):
    return name.split("-")[1]


def test_cells_stay_together_and_every_process_has_one_host():
    plan = planned()
    run = on(TWO.format("", ""), plan)
    assert run.homes.keys() == processes_of(plan).keys()
    for name, home in run.homes.items():
        if name != "controller":
            assert home == run.homes[f"es-{cell_of(name)}"]
    assert all(share.processes for share in run.hosts)
    assert sum(len(share.processes) for share in run.hosts) == len(run.homes)


def test_learners_live_with_the_controller_wherever_that_is():
    plan = msgspec.structs.replace(planned(), policy="a3c-do", learn=True)
    run = on(TWO.format("", ", holds: [controller]"), plan)
    assert {run.homes[name] for name in ("controller", *plan.learners)} == {"b"} and plan.learners


def test_what_the_file_places_is_placed_so_and_single_processes_before_cells():
    run = on(TWO.format(", holds: [cell-1, cell-2, cell-3]", ", holds: [controller, ue-1-2, es-3]"), planned())
    assert {name for name, home in run.homes.items() if home == "b"} == {"controller", "ue-1-2", "es-3"}


def test_a_larger_host_gets_more():
    plan = planned()
    run = on(TWO.format("", "").replace("cores: 2", "cores: 32", 1), plan)
    assert len(run.processes("a")) > 2 * len(run.processes("b"))


def test_a_name_that_the_run_has_not_is_told():
    with pytest.raises(UsageError, match='b is to hold "es-9"') as caught:
        on(TWO.format("", ", holds: [es-9]"), planned())
    assert "es-" in caught.value.remedy


def test_only_what_crosses_hosts_is_carried_and_an_upload_to_an_es_elsewhere_is():
    near = on(TWO.format(", holds: [cell-1, cell-2, cell-3, controller]", ""), planned())
    assert [(link.source, link.target) for link in near.links] == [("a", LAUNCHER_HOST)]
    whole = on(TWO.format(", holds: [cell-1, cell-2]", ", holds: [cell-3]"), planned(second_offload=False))
    assert all(link.payload_bps == 0.0 for link in whole.links)
    apart = on(TWO.format(", holds: [cell-1, cell-2, cell-3]", ", holds: [es-1]"), planned(second_offload=False))
    [up] = [link for link in apart.links if (link.source, link.target) == ("a", "b")]
    plan = planned()
    bits = [task.input_bits for task in plan.workload if plan.system.ues[task.ue].cell == 0]
    assert up.payload_bps == pytest.approx(sum(bits) / (plan.system.end_ns * 1e-9))
    assert up.piece_bits == pytest.approx(sum(bits) / len(bits))
    declared = on(
        TWO.format(", holds: [cell-1, cell-2, cell-3]", ", holds: [es-1]"), planned("emulation.payload=declared")
    )
    assert all(link.payload_bps == 0.0 < link.rate_bps for link in declared.links)


def test_a_link_of_20_megabit_is_too_slow_and_one_of_a_gigabit_is_not():
    plan = planned()
    run = on(TWO.format(", holds: [cell-1, cell-2]", ", holds: [cell-3, controller]"), plan)
    slow = list(slow_links(plan, run, {("a", "b"): 20e6, ("b", "a"): 1e9}))
    assert len(slow) == 1 and slow[0].startswith("the link from a to b carries 20 Mbit/s, which is too slow")
    assert "emulation.payload=declared" in slow[0] and "--speed" in slow[0]
    quick = planned("emulation.payload=declared")
    declared = on(TWO.format(", holds: [cell-1, cell-2]", ", holds: [cell-3, controller]"), quick)
    assert list(slow_links(quick, declared, {("a", "b"): 20e6})) == []


def reading(host, uncertainty_ns):
    return ClockReading(host=host, same=False, uncertainty_ns=uncertainty_ns, probes=16)


def test_clocks_are_judged_by_what_they_make_of_a_delay_at_the_speed_of_the_run():
    plan = planned()
    delay_ns = typical_delay_s(plan) * 1e9
    assert clock_verdict(plan, ()) == ("A", "")
    assert clock_verdict(plan, [reading("a", 20_000), reading("b", 20_000)]) == ("A", "")
    grade, remedy = clock_verdict(plan, [reading("a", round(0.02 * delay_ns)), reading("b", 0)])
    assert grade == "B" and "the clock of a is known to" in remedy and "--speed 0." in remedy and "PTP" in remedy
    assert clock_verdict(plan, [reading("a", round(0.2 * delay_ns))])[0] == "F"
    fast = planned("emulation.speed=50")
    assert clock_verdict(fast, [reading("a", round(0.005 * delay_ns))])[0] == "F"


def test_the_burnt_share_is_what_the_busiest_host_can_spare():
    plan = planned()
    auto = msgspec.structs.replace(plan, emulation=msgspec.structs.replace(plan.emulation, burn=-1.0))
    listed = parse_hosts(TWO.format("", ""), "hosts.yaml")
    large = parse_hosts(TWO.format("", "").replace("cores: 2", "cores: 64"), "hosts.yaml")
    shares = [auto_burn(auto, processes_of(plan), one, COSTS).emulation.burn for one in (listed, large)]
    assert 0.0 < shares[0] < shares[1] == 0.2
    assert auto_burn(plan, processes_of(plan), listed, COSTS) == plan


def test_a_dry_run_prints_the_plan_and_starts_nothing(tmp_path):
    (tmp_path / "hosts.yaml").write_text(TWO.format(", reach: {ssh: nobody@nowhere}", ", link: 20 Mbit/s"))
    asked = ("run", "region", "--hosts", "hosts.yaml", "--dry-run", "--slots", "5", "--set", "emulation.burn=0.02")
    shown = call(*asked, cwd=tmp_path)
    assert "ssh" in shown.stdout and "es-3" in shown.stdout and "Mbit/s, at most" in shown.stdout
    assert "carries 20 Mbit/s, which is too slow" in shown.stderr
    plan = json.loads(call(*asked, "--json", cwd=tmp_path).stdout)
    assert {host["host"] for host in plan["hosts"]} == {"a", "b"} and plan["homes"]["es-1"] in "ab"
    assert [path.name for path in tmp_path.iterdir()] == ["hosts.yaml"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--dry-run",), "--dry-run shows what hosts would carry"),
        (("--hosts", "hosts.yaml", "--speed", "auto"), "--speed auto asks this host alone"),
        (("--hosts", "hosts.yaml", "--agents", "x"), "--agents is for containers"),
        (("--hosts", "none.yaml"), "cannot be read"),
        (("--hosts", "hosts.yaml", "--backend", "sim"), "--hosts is for live runs"),
        (("--hosts", "hosts.yaml", "--policy", "near:decide"), "code is not sent along"),
    ],
)
def test_what_does_not_go_with_hosts_is_refused(tmp_path, more, why):
    (tmp_path / "hosts.yaml").write_text(TWO.format(", reach: {ssh: x}, holds: [controller]", ""))
    (tmp_path / "near.py").write_text("def decide(cell, rng):\n    return {ue.name: 0 for ue in cell.ues}\n")
    assert why in call("run", "smoke", *more, cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "runs").exists()
