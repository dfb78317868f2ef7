"""Each kind of fault asked for while a run on processes goes on: its ideal instants are those of a replay."""

import math

import pytest

from examples import oracle
from testbed.record import reader
from tests.chaos.support import begin, end, left, stop
from tests.command import call, document

pytestmark = [pytest.mark.live, pytest.mark.chaos]
CELLS = "cells=[{es: {cpu: 4 GHz}, ues: 2}, {es: {cpu: 2 GHz}, ues: 2}]"
ASKED = (
    "slow es-2 to 40% for 9 s",
    "degrade ue-1-2 to 2 Mbit/s loss 30% +30 ms both ways",
    "cut ue-2-1:es-2 for 3 s",
    "cut es-1:es-2 for 4 s",
    "overload cell 1 x 2 for 9 s",
    "pause ue-1-1 for 3 s",
    "lift ue-1-2",
    "pause es-1",
    "resume es-1",
    "partition cell 2",
    "restore partition cell 2",
)


def test_ideal_instants_follow_from_the_inputs_through_faults_of_every_kind_by_hand(tmp_path):
    process = begin(tmp_path, "--slots", "120", "--set", CELLS, "--policy", "offload-do", scenario="region")
    try:
        said = [call("fault", "r", *fault.split(), cwd=tmp_path).stdout for fault in ASKED]
        end(process, 0)
    finally:
        stop(process)
    assert all(" s" in line for line in said) and "es-1 stands still since" in said[7]
    found = document("report", "r", cwd=tmp_path)
    assert found["tasks"]["unaccounted"] == found["tasks"]["failed"] == 0 and len(found["faults"]) == 8
    error = found["fidelity"]["delay_error"]
    assert math.isfinite(error["median"]) and math.isfinite(error["p99"]) and found["fidelity"]["slipped"] is not None
    again = document("replay", "r", "--as-recorded", "--out", "again", cwd=tmp_path)
    assert again["faults"] == found["faults"] and left(tmp_path / "r") == []
    if not found["fidelity"]["slipped"] and not any("announced" in line for line in found["warnings"]):
        assert oracle.main(tmp_path / "r") == 0
        ideal, played = (
            {(row.ue, row.number): row.finished_ns for row in reader.read_run(str(tmp_path / run)).tasks}
            for run in ("r", "again")
        )
        assert ideal == played
