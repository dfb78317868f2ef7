"""Runs over network namespaces with clocks of their own: days apart, one lost, a slow link, a wrong offset."""

import json
import subprocess
from pathlib import Path

import psutil
import pytest

from testbed.cli.main import main
from testbed.hosts import host as host_module
from testbed.hosts.clock_offset import ClockOffset
from testbed.hosts.deployment import on_hosts
from testbed.hosts.hosts_file import parse_hosts
from testbed.hosts.placement import placed
from testbed.live.host_costs import HostCosts
from testbed.live.launch import launch
from testbed.protocol.placement import processes_of
from testbed.protocol.rows import CLOCK, DIED, RESTARTED
from testbed.record.reader import read_record
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.workers import namespaces

APART_S = 1_000_000
LIGHT = ("emulation.burn=0.02", "emulation.ues_per_process=5")  # few processes, so that a busy host can hold them


def missing():
    """Why such hosts cannot be had; "" if they can."""
    if not namespaces.possible():
        return "network namespaces need root and `ip netns`"
    apart = ["unshare", "--time", "--monotonic", "1", "--fork", "--kill-child", "true"]
    if subprocess.run(apart, capture_output=True, check=False).returncode != 0:
        return "no namespace of times may be made here"
    return ""


pytestmark = [pytest.mark.hosts, pytest.mark.skipif(bool(missing()), reason=missing())]


def file_of(address, hosts):
    """A file of these namespaces, each with a clock that is days ahead of the one before."""
    lines = [f"launcher: {address}", "hosts:"]
    first, _, last = address.rpartition(".")
    for n, name in enumerate(hosts):
        ahead = f"unshare, --time, --monotonic, '{(n + 1) * APART_S}', --fork, --kill-child"
        reach = f"reach: {{command: [ip, netns, exec, {name}, {ahead}]}}"
        holds = f"holds: [cell-{n + 1}{', controller' if n == 0 else ''}]"
        lines.append(f"  - {{name: {name}, address: {first}.{int(last) + 1 + n}, cores: 1, {holds}, {reach}}}")
    return "\n".join(lines) + "\n"


def played(tmp_path, capfd, *more, codes=(0,)):
    """The summary of a run over the hosts of the file, what was said, and its record."""
    words = ("run", "region", "--hosts", str(tmp_path / "hosts.yaml"), "--out", str(tmp_path / "r"), "--json", *more)
    assert main([*words, *(f"--set={change}" for change in LIGHT)]) in codes
    output = capfd.readouterr()
    return json.loads(output.out), output.err, read_record(tmp_path / "r" / "run.db")


def test_region_over_three_hosts_whose_clocks_are_days_apart(tmp_path, capfd):
    with namespaces.hosts(3) as (address, hosts):
        (tmp_path / "hosts.yaml").write_text(file_of(address, hosts))
        summary, messages, record = played(tmp_path, capfd, "--slots", "10")
    assert summary["tasks"]["unaccounted"] == summary["tasks"]["failed"] == 0
    assert all(f"{host}: clock known to" in messages for host in hosts)
    clocks = {event.source: json.loads(event.detail) for event in record.events if event.kind == CLOCK}
    assert sorted(clocks) == sorted(hosts)
    for n, host in enumerate(hosts):
        wrong = abs(clocks[host]["ahead_ns"] - (n + 1) * APART_S * 10**9)
        assert wrong <= clocks[host]["uncertainty_ns"] + 1000 and clocks[host]["steps"] == 0
    assert summary["fidelity"]["clock_uncertainty_ms"] < 20.0 and len(summary["fidelity"]["clocks"]) == 3


def test_an_offset_that_is_wrong_by_5_ms_costs_the_grade(tmp_path, capfd, monkeypatch):
    class Wrong(ClockOffset):
        def use(self):
            if self.used_ns is None:
                self.used_ns = super().use() + 5_000_000
            return self.used_ns

    monkeypatch.setattr(host_module, "ClockOffset", Wrong)
    with namespaces.hosts(2) as (address, hosts):
        (tmp_path / "hosts.yaml").write_text(file_of(address, hosts))
        summary, _, _ = played(tmp_path, capfd, "--slots", "20", "--speed", "5")
    fidelity = summary["fidelity"]
    assert all(clock["uncertainty_ms"] >= 5.0 for clock in fidelity["clocks"]) and len(fidelity["clocks"]) == 2
    assert fidelity["clock_uncertainty_ms"] >= 10.0 and fidelity["grade"] in ("B", "C", "F")


@pytest.mark.slow
def test_a_link_of_20_megabit_is_told_before_the_run(tmp_path, capfd):
    with namespaces.hosts(2) as (address, hosts):
        slow = ["dev", "eth0", "root", "tbf", "rate", "20mbit", "burst", "32kbit", "latency", "400ms"]
        subprocess.run(["ip", "netns", "exec", hosts[0], "tc", "qdisc", "add", *slow], check=True)
        (tmp_path / "hosts.yaml").write_text(file_of(address, hosts))
        _, messages, _ = played(tmp_path, capfd, "--slots", "2", codes=(0, 4))  # tasks may fail that are too late
    assert f"the link from {hosts[0]} to {hosts[1]} carries" in messages and "which is too slow" in messages


@pytest.mark.slow
def test_a_host_that_is_lost_in_mid_run_takes_its_processes_along_and_they_return_with_it(tmp_path):
    changes = ["slots=60", *LIGHT, "emulation.transport=tcp", "emulation.payload=declared"]
    resolved = inputs.resolve(load_scenario("region", changes))
    workload = inputs.generate(resolved.scenario, resolved.system)
    plan = resolved.plan(workload, "greedy-do", second_offload=True, live=True)
    killed: list[int] = []

    def watch(progress):
        if not killed and progress.phase == "running" and progress.finished >= 10:
            [lost] = [one for one in psutil.Process().children() if str(2 * APART_S) in one.cmdline()]
            lost.kill()
            killed.append(lost.pid)

    with namespaces.hosts(2) as (address, hosts):
        listed = parse_hosts(file_of(address, hosts), "hosts.yaml")
        deployment = on_hosts(plan, listed, HostCosts(), Path(tmp_path), lambda text: None)
        end = launch(plan, tmp_path, watch, deployment=deployment)
    record = read_record(tmp_path / "run.db")
    assert killed and end.reason == ""
    died = {event.source for event in record.events if event.kind == DIED}
    back = {event.source for event in record.events if event.kind == RESTARTED}
    run = placed(plan, processes_of(plan), listed, HostCosts())
    assert died == back == {core for name in run.processes(hosts[1]) for core in processes_of(plan)[name][1]}
    assert "es-2" in died and "es-1" not in died
    assert len({(row.ue, row.number) for row in record.tasks}) == len(record.tasks)
