"""A run on processes whose plan has faults that kill nobody: its instants are the model's, and it replays."""

import pytest

from examples import oracle
from tests.command import document

pytestmark = pytest.mark.live
FAULTS = (
    "faults=[{at: 2 s, for: 4 s, overload: cell 1 x 2}, {at: 3 s, for: 5 s, slow: es-2 to 40%}, "
    "{at: 2.5 s, for: 6 s, degrade: ue-1-2 to 2 Mbit/s loss 30% +30 ms both ways}, "
    "{at: 4 s, for: 1.5 s, cut: ue-2-1:es-2}, "
    "{at: 5 s, for: 3 s, partition: cell 2}, {at: 9 s, for: 1.2 s, pause: es-1}, "
    "{at: 9.5 s, for: 1 s, pause: ue-2-1}]"
)
CELLS = "cells=[{es: {cpu: 4 GHz}, ues: 2}, {es: {cpu: 2 GHz}, ues: 2}]"


def test_ideal_instants_follow_from_the_inputs_through_planned_faults(tmp_path):
    changes = ("--set", FAULTS, "--set", CELLS, "--set", "slots=12", "--set", "emulation.burn=0.02")
    content = document("run", "region", *changes, "--policy", "offload-do", "--out", "r", cwd=tmp_path)
    assert len(content["faults"]) == 7 and content["tasks"]["unaccounted"] == content["tasks"]["failed"] == 0
    assert (
        oracle.main(tmp_path / "r") == 0 or content["fidelity"]["slipped"] or content["fidelity"]["grade"] not in "AB"
    )
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    assert again["faults"] == content["faults"] and again["tasks"]["generated"] == content["tasks"]["generated"]
