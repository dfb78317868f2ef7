"""Networks that choose targets decide on processes: by what they are asked, cell by cell or for the region, in time."""

import sqlite3

import numpy as np
import pytest

from testbed.model.learning import LEARNS_ONLINE
from testbed.policy import checkpoint, network
from tests.command import document

CHANGES = ("second_offload.by=agent", "slots=10", "density=0.9", "emulation.burn=0", "emulation.payload=declared")
SHAPE = network.layout(network.CELL_ANY)
AWAY, FIRST_OTHER = 17, 2
FIRST_OTHERS = {"1": "es-2", "2": "es-1", "3": "es-1"}  # by the UE's cell


def elsewhere():
    """Parameters by which no place is as good as an ES of another cell; all of these are alike."""
    params = np.zeros(SHAPE.size, np.float32)
    first, second, last = SHAPE.actor
    for at in (first.start + AWAY * first.outputs, second.start, last.start):
        params[at] = 10.0
    return params


@pytest.mark.live
@pytest.mark.parametrize("head", network.CHOOSING.values())
def test_tasks_go_where_the_network_says_and_the_record_tells_where(tmp_path, head):
    name = "a3c-region-any" if head == network.REGIONAL_ANY else "a3c-any"
    about = {"algorithm": LEARNS_ONLINE, "head": head, "second_offload": True, "cell_ues": 1}
    checkpoint.save(tmp_path / "made.npz", {"parameters": elsewhere()}, about)
    changes = [word for change in CHANGES for word in ("--set", change)]
    run = ("run", "region", "--policy", f"{name}:made.npz", "--speed", "20", "--out", "r", *changes)
    tasks = document(*run, cwd=tmp_path)["tasks"]
    assert tasks["generated"] > 80 and tasks["unaccounted"] == tasks["failed"] == 0
    with sqlite3.connect(tmp_path / "r" / "run.db") as database:
        rows = database.execute("select ue, choice, es, fallback, finished_ns from tasks").fetchall()
        wrong = database.execute("select detail from events where kind = 'policy_error'").fetchall()
    decided = [row for row in rows if not row[3]]
    assert len(rows) == tasks["generated"] and wrong == [] and decided
    assert {choice for _, choice, _, _, _ in decided} == {FIRST_OTHER}
    assert all(es == FIRST_OTHERS[ue.split("-")[1]] for ue, _, es, _, _ in decided)
    assert all(finished >= 0 for *_, finished in rows)
