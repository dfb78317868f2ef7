"""A run on processes whose agents choose the target of second offload: its instants are the model's, and it replays."""

import pytest

from examples import oracle
from tests.command import document

pytestmark = pytest.mark.live
FAULTS = "faults=[{at: 4 s, for: 3 s, cut: 'es-1:es-2'}, {at: 6 s, for: 4 s, slow: es-1 to 50%}]"
CHANGES = ("second_offload.by=agent", "slots=12", "emulation.burn=0.02", "emulation.payload=declared", FAULTS)


def test_tasks_go_where_their_agents_say(tmp_path):
    changes = [word for change in CHANGES for word in ("--set", change)]
    content = document("run", "region", *changes, "--policy", "po2-any", "--out", "r", cwd=tmp_path)
    tasks = content["tasks"]
    assert tasks["unaccounted"] == tasks["failed"] == 0 and tasks["forwarded"] > 3
    assert (
        oracle.main(tmp_path / "r") == 0 or content["fidelity"]["slipped"] or content["fidelity"]["grade"] not in "AB"
    )
    again = document("replay", "r", "--as-recorded", cwd=tmp_path)
    for name in ("generated", "local", "offloaded", "forwarded"):
        assert again["tasks"][name] == tasks[name]
