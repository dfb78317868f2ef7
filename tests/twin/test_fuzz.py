"""No scenario crashes compiled code, nor lets the clocks differ: extreme ones are played in a process of its own."""

import subprocess
import sys

import pytest

from testbed.model.errors import ScenarioError
from testbed.scenario.load import parse_scenario
from testbed.trace import inputs
from tests.command import ROOT, environment

COUNT = 60


def test_extreme_scenarios_are_played_alike_or_refused():
    command = [sys.executable, "-m", "tests.twin.fuzz", "0", str(COUNT)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    played, refused = (int(word) for word in done.stdout.splitlines()[-1].split() if word.isdigit())
    assert played + refused == COUNT and min(played, refused) > COUNT // 6


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("ue: {distance: 3432512 m}", "ue-1-1 sends"),
        ("ue: {distance: 50 km}", "ue-1-1 sends"),
        ("backhaul: {rate: 1 bit/s}", "between ESs"),
        ("radio: {trace: {durations: [1 ms, 1 ms], rates: [4 bit/s, 5 bit/s]}}", "4.5 bit/s on average"),
        ("task: {input: 9000000 Gbit}", "ue-1-1 take more than a day to send"),
        ("task: {cycles: 900 T}", "ue-1-1 take more than a day at"),
        ("{slot: 1 ns, slots: 9}", "more than 10,000,000 slots"),
        ("task: {cycles: {per_bit: 1000000000}}", "ue-1-1 take more than a day at"),
        ("radio: {latency: 100000 h}", "must be at most"),
        ("radio: {result_bits: 9000000 Gbit}", "radio.result_bits: "),
    ],
)
def test_what_is_beyond_all_reason_is_refused_by_name(text, output):
    with pytest.raises(ScenarioError) as caught:
        inputs.resolve(parse_scenario(text))
    assert output in str(caught.value) and caught.value.remedy
