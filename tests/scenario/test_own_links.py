"""Rate traces of cells and of single UEs, and block fading, as a scenario says them."""

import math

import pytest

from testbed.model.errors import ScenarioError
from testbed.scenario.dump import dump_resolved
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.trace import inputs

S, MS = 10**9, 10**6
INLINE = "{durations: [1 s, 500 ms], rates: [5 Mbit/s, 1 Mbit/s]}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "slow.csv").write_text("duration_s,rate_bps\n1,1000000\n2,500000\n")
    (tmp_path / "fast.csv").write_text("duration_s,rate_bps\n4,9000000\n")
    (tmp_path / "s.yaml").write_text(
        "radio: {access: shared}\n"
        "cells:\n"
        "  - {ues: 3, ue_traces: [slow.csv, {file: fast.csv, scale: 2}, slow.csv]}\n"
        f"  - {{ues: 2, trace: {INLINE}}}\n"
        "  - {ues: 2}\n"
    )
    return tmp_path


def test_each_ue_follows_its_own_trace_its_cells_or_none_and_equal_ones_are_kept_once(folder):
    resolved = inputs.resolve(load_scenario(folder / "s.yaml"))
    radio = resolved.system.radio
    assert [ue.trace for ue in resolved.system.ues] == [0, 1, 0, 2, 2, -1, -1]
    assert [trace.bps for trace in radio.traces] == [(1e6, 5e5), (1.8e7,), (5e6, 1e6)]
    assert [trace.edges_ns for trace in radio.traces] == [(0, S), (0,), (0, S)]
    assert [trace.period_ns for trace in radio.traces] == [3 * S, 4 * S, 1500 * MS]
    assert radio.trace_period_ns == 0 and radio.access == "shared"
    again = inputs.resolve(parse_scenario(dump_resolved(resolved)))
    assert again.system == resolved.system


def test_fading_keeps_the_mean_power_of_the_link_and_is_written_back_to_the_same():
    resolved = inputs.resolve(parse_scenario("radio: {fading: 50 ms, shadowing: 4 dB}"))
    radio = resolved.system.radio
    assert (radio.coherence_ns, radio.bandwidth_hz, radio.max_spectral_efficiency) == (50 * MS, 2e6, 7.4)
    for ue in resolved.system.ues:
        assert ue.rate_bps == 2e6 * min(7.4, math.log2(1.0 + ue.snr))
    assert inputs.resolve(parse_scenario(dump_resolved(resolved))).system == resolved.system
    plain = inputs.resolve(parse_scenario("radio: {shadowing: 4 dB}")).system
    assert [ue.rate_bps for ue in plain.ues] == [ue.rate_bps for ue in resolved.system.ues]


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        (f"cells: [{{ues: 2, ue_traces: [{INLINE}]}}]", (1, 29), "1 sections for 2 UEs", "one section for each UE"),
        ("cells: [{ues: 1, ue_traces: [x.up]}]", (1, 30), 'there is no file "x.up"', "looked for"),
        ("cells: [{ues: 1, trace: .}]", (1, 25), "is a directory", "the file of a trace"),
        (f"radio: {{fading: 1 s, trace: {INLINE}}}", (1, 17), "no place for fading", "drop fading or trace"),
        (
            f"radio: {{shadowing: 1 dB}}\ncells: [{{ues: 1, trace: {INLINE}}}]",
            (1, 20),
            "no place for shadowing",
            "drop shadowing or trace",
        ),
        ("radio: {fading: 10 us}", (1, 17), "out of range", "at least 1 ms"),
        (
            "cells: [{ues: 1, ue_traces: [{durations: [1 s], rates: [0 bit/s]}]}]",
            (1, 56),
            "never moves a bit",
            "above 0",
        ),
    ],
)
def test_a_mistake_is_told_where_it_stands(text, place, message, remedy):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "s.yaml")
    assert (caught.value.line, caught.value.column) == place
    assert message in caught.value.message and remedy in caught.value.remedy


def test_a_file_of_one_ue_that_is_wrong_is_named_with_its_line(folder):
    (folder / "slow.csv").write_text("duration_s,rate_bps\n1,fast\n")
    with pytest.raises(ScenarioError) as caught:
        inputs.resolve(load_scenario(folder / "s.yaml"))
    assert caught.value.file.endswith("slow.csv") and caught.value.line == 2
