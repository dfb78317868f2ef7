"""Resolution: hardware draws, rates, round trips through the resolved file."""

import math

import msgspec
import pytest

from testbed.model import random
from testbed.model.errors import ScenarioError
from testbed.model.system import Fault
from testbed.scenario.dump import dump, dump_resolved
from testbed.scenario.load import load_scenario, parse_scenario, shipped
from testbed.scenario.names import process_names
from testbed.scenario.resolve import resolve
from testbed.scenario.schema import Scenario


def test_region_is_what_an_empty_file_describes():
    region = msgspec.structs.replace(load_scenario("region"), name="scenario")
    assert parse_scenario("{}") == region
    assert msgspec.structs.replace(Scenario(), name="scenario") == region


def test_hardware_is_drawn_by_key():
    system = resolve(load_scenario("region")).system
    ue = system.ues[6]
    u = random.uniform(1, random.HARDWARE, 6, 0, 0)
    v = random.uniform(1, random.HARDWARE, 6, 0, 1)
    assert (ue.name, ue.cell, ue.index) == ("ue-2-2", 1, 6)
    assert ue.cpu_hz == math.floor(0.8e9 + u * 0.4e9 + 0.5)
    assert ue.distance_m == 100 + v * 400
    snr = 0.2 * ue.distance_m**-4 / 1e-13
    assert ue.rate_bps == 2e6 * min(7.4, math.log2(1 + snr))
    assert [es.name for es in system.edge_servers] == ["es-1", "es-2", "es-3"]
    assert [es.cpu_hz for es in system.edge_servers] == [4_000_000_000, 3_000_000_000, 2_000_000_000]


def test_hardware_does_not_depend_on_the_workload_seed_nor_on_other_cells():
    region = load_scenario("region")
    assert resolve(msgspec.structs.replace(region, seed=99)).system.ues == resolve(region).system.ues
    smaller = msgspec.structs.replace(region, cells=region.cells[:2])
    assert resolve(smaller).system.ues == resolve(region).system.ues[:10]


def test_a_cell_may_have_other_ues_than_the_rest():
    text = "cells: [{ues: 2, ue: {cpu: {each: [1 GHz, 3 GHz]}, distance: 50 m}}, {ues: 1}]\nue: {cpu: 2 GHz}"
    ues = resolve(parse_scenario(text)).system.ues
    assert [ue.cpu_hz for ue in ues] == [1_000_000_000, 3_000_000_000, 2_000_000_000]
    assert [ue.distance_m == 50.0 for ue in ues] == [True, True, False]


def test_choices_are_equally_likely():
    text = "ue: {cpu: {choice: [1 GHz, 2 GHz]}}\ncells: [{ues: 400}]"
    speeds = [ue.cpu_hz for ue in resolve(parse_scenario(text)).system.ues]
    assert set(speeds) == {1_000_000_000, 2_000_000_000}
    assert 150 < speeds.count(1_000_000_000) < 250


@pytest.mark.parametrize("name", sorted(set(shipped()) - {"recorded", "functions", "lte-drive"}))  # which have files
def test_a_resolved_scenario_loads_to_the_identical_system(name):
    resolved = resolve(load_scenario(name))
    text = dump_resolved(resolved, "versions: 1\nof: all")
    again = resolve(parse_scenario(text, "run/scenario.yaml"))
    assert text.startswith("# versions: 1\n# of: all\nname:")
    assert again.system == resolved.system
    assert again.emulation == resolved.emulation
    assert again.scenario.thresholds == resolved.scenario.thresholds
    assert dump_resolved(again, "versions: 1\nof: all") == text


def test_every_value_survives_being_dumped():
    text = """
radio: {jitter: {normal: [3 ms, 1 ms]}, loss: 0.1, return_latency: 7 ms, result_bits: 3 kB,
        max_spectral_efficiency: unlimited, trace: {durations: [1 s, 0.5 s], rates: [3 Mbit/s, 0 bit/s]}}
backhaul: {rate: unlimited}
task: {cycles: {per_bit: 25}}
cells: [{es: {queue_limit: 4, discipline: fcfs, cores: 2}, ues: 1}]
emulation: {burn: 0.05, drain_limit: 9 s, spin: 250 us}
faults: [{at: 1.5 s, kill: ue-1-1, restart_after: never}, {at: 1 s, kill: es-1, restart_after: 2 s}]
thresholds: {delay_p95: "< 3 s", fidelity: ">= B"}
"""
    scenario = parse_scenario(text)
    assert parse_scenario(dump(scenario)) == scenario
    resolved = resolve(scenario)
    assert resolve(parse_scenario(dump_resolved(resolved))).system == resolved.system
    assert resolved.faults == (Fault("es-1", 10**9, 3 * 10**9), Fault("ue-1-1", 1_500_000_000, -1))
    assert resolved.system.radio.trace_edges_ns == (0, 10**9)
    assert resolved.system.radio.trace_period_ns == 1_500_000_000
    assert (resolved.system.radio.jitter_low_ns, resolved.system.radio.jitter_high_ns) == (3_000_000, 1_000_000)
    assert resolved.emulation.drain_limit_ns == 9 * 10**9


def test_return_latency_follows_latency_unless_given():
    assert resolve(parse_scenario("radio: {latency: 5 ms}")).system.radio.return_latency_ns == 5_000_000
    assert resolve(parse_scenario("radio: {latency: 5 ms, return_latency: 0 s}")).system.radio.return_latency_ns == 0


def test_only_a_live_plan_has_a_drain_limit():
    resolved = resolve(load_scenario("region"))
    assert resolved.plan((), "lc", second_offload=False, live=True).emulation.drain_limit_ns == 400 * 10**9
    assert resolved.plan((), "lc", second_offload=False, live=False).emulation.drain_limit_ns == -1


def test_a_faulty_scenario_made_in_code_is_refused_too():
    with pytest.raises(ScenarioError, match="not a probability"):
        resolve(msgspec.structs.replace(Scenario(), density=1.5))
    with pytest.raises(ScenarioError, match="no uplink rate"):
        resolve(parse_scenario("ue: {tx_power: 0 W}"))


def test_names_of_processes():
    assert process_names(parse_scenario("cells: [{ues: 2}, {ues: 1}]")) == [
        "controller",
        "es-1",
        "es-2",
        "ue-1-1",
        "ue-1-2",
        "ue-2-1",
    ]


def test_what_a_run_changes_of_its_scenario_is_changed_in_one_place():
    resolved = resolve(parse_scenario("faults: [{at: 1 s, kill: es-1}]"))
    sped = resolved.at_speed(7.5)
    assert sped.system == resolved.system and sped.faults == resolved.faults
    assert sped.plan((), "lc", second_offload=False, live=True).emulation.speed == sped.scenario.emulation.speed == 7.5
    calm = msgspec.structs.replace(resolved, scenario=msgspec.structs.replace(resolved.scenario, faults=()))
    assert resolved.faults and calm.faults == calm.plan((), "lc", second_offload=False, live=True).faults == ()


def test_a_scenario_that_was_changed_since_it_was_read_is_checked_again():
    read = parse_scenario("faults: [{at: 1 s, kill: es-1}, {at: 15 s, kill: es-2}]")
    assert [fault.name for fault in resolve(msgspec.structs.replace(read, slots=5)).faults] == ["es-1"]
    with pytest.raises(ScenarioError, match='no process "es-2"'):
        resolve(msgspec.structs.replace(read, cells=read.cells[:1]))


def test_shadowing_is_drawn_with_the_hardware_and_is_written_back_to_the_same():
    plain, shaded = (
        resolve(load_scenario("region", ["cells=[{ues: 2000}]", f"radio.shadowing={shadowing}", "density=0.1"]))
        for shadowing in ("0 dB", "6 dB")
    )
    cap = load_scenario("region", ["radio.max_spectral_efficiency=unlimited", "cells=[{ues: 2000}]"])
    bare = resolve(cap).system.ues
    dim = resolve(msgspec.structs.replace(cap, radio=msgspec.structs.replace(cap.radio, shadowing_db=6.0))).system.ues

    def gains(ues):
        return [2.0 ** (ue.rate_bps / 2e6) - 1.0 for ue in ues]

    levels = [10 * math.log10(there / here) for here, there in zip(gains(bare), gains(dim), strict=True)]
    assert sum(levels) / 2000 == pytest.approx(0.0, abs=0.5)
    assert math.sqrt(sum(level**2 for level in levels) / 2000) == pytest.approx(6.0, rel=0.05)
    u = random.uniform(1, random.HARDWARE, 7, 0, 5)
    assert 0.5 * math.erfc(-levels[7] / 6.0 / math.sqrt(2.0)) == pytest.approx(u, rel=1e-6)
    assert [ue.cpu_hz for ue in plain.system.ues] == [ue.cpu_hz for ue in shaded.system.ues]
    assert [ue.distance_m for ue in plain.system.ues] == [ue.distance_m for ue in shaded.system.ues]
    assert resolve(parse_scenario(dump_resolved(shaded))).system == shaded.system
    with pytest.raises(ScenarioError, match="no place for shadowing"):
        parse_scenario("radio: {shadowing: 3 dB, trace: {durations: [1 s], rates: [1 Mbit/s]}}")
