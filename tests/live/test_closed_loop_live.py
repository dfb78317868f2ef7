"""A closed loop on processes: what came is the run's workload, and every task of it ended after the one before."""

import json
import sqlite3
from itertools import pairwise

import pytest

from tests.command import call


@pytest.mark.live
def test_a_closed_loop_on_the_testbed_is_one_and_is_known_in_the_end(tmp_path):
    call("run", "smoke", "--policy", "lc", "--backend", "sim", "--out", "a", cwd=tmp_path)
    options = ("--policy", "offload", "--closed-loop", "--on", "testbed", "--speed", "2", "--out", "b", "--json")
    data = json.loads(call("replay", "a", *options, cwd=tmp_path).stdout)
    assert data["ended"] == "drained" and data["tasks"]["unaccounted"] == data["tasks"]["failed"] == 0
    with sqlite3.connect(tmp_path / "b" / "run.db") as database:
        rows = database.execute(
            "select ue, number, generated_ns, finished_ns from tasks order by ue, number"
        ).fetchall()
    assert data["tasks"]["generated"] == len(rows) > 0
    assert len((tmp_path / "b" / "workload.csv").read_text().splitlines()) == len(rows) + 1
    for before, after in pairwise(rows):
        if before[0] == after[0]:
            assert after[1] == before[1] + 1 and after[2] >= before[3]
