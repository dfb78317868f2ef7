"""A cell of single UEs and a crowd on processes: everything is accounted for, also where an ES dies."""

import json
import sqlite3

import pytest

from tests.command import call

SCENARIO = """
name: mixed
slots: 8
density: 0.9
cells:
  - {es: {cpu: 12 GHz}, ues: 12, crowd: 10}
  - {es: {cpu: 9 GHz}, ues: 12, crowd: 9}
emulation: {payload: declared, burn: 0}
"""
DEATH = "faults: [{kill: es-2, at: 3 s, restart_after: 2 s}]\n"


def played(folder, text):
    (folder / "mixed.yaml").write_text(text)
    data = json.loads(call("run", "mixed.yaml", "--policy", "greedy-do", "--out", "run", "--json", cwd=folder).stdout)
    with sqlite3.connect(folder / "run" / "run.db") as database:
        rows = database.execute("select ue, state, think_ns, finished_ns, recovered from tasks").fetchall()
        told = {source for (source,) in database.execute("select distinct source from events")}
        seen = {ue for (ue,) in database.execute("select distinct ue from ue_slots")}
    assert data["ended"] == "drained"
    assert data["tasks"]["unaccounted"] == data["tasks"]["failed"] == 0
    assert {"crowd-1-1", "crowd-2-1", "ue-1-1", "ue-2-3"} <= told and "ue-1-3" not in told
    assert seen == {f"ue-{cell}-{n}" for cell in (1, 2) for n in range(1, 13)}
    return data, rows


@pytest.mark.live
def test_a_mixed_cell_ends_with_every_task_accounted_for(tmp_path):
    data, rows = played(tmp_path, SCENARIO)
    assert len(rows) == data["tasks"]["generated"] > 100
    assert all(finished >= 0 for _, _, _, finished, _ in rows)
    assert not [row for row in rows if row[4]]


@pytest.mark.live
def test_the_tasks_of_a_crowd_come_back_from_an_es_that_died(tmp_path):
    data, rows = played(tmp_path, SCENARIO + DEATH)
    recovered = {ue for ue, _, _, _, back in rows if back}
    assert any(int(ue.rpartition("-")[2]) > 3 for ue in recovered if ue.startswith("ue-2"))
    assert data["tasks"]["recovered"] == sum(row[4] for row in rows)
