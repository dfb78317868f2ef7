"""A run on processes whose links fade and follow traces and whose tasks are of classes: its instants are the twin's."""

import numpy as np
import pytest

from testbed.analysis import reference, replay
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record import reader
from testbed.twin import repeat
from tests.command import document

pytestmark = pytest.mark.live
CELLS = (
    "cells=[{es: {cpu: 4 GHz}, ues: 2, trace: {durations: [1 s, 700 ms], rates: [9 Mbit/s, 3 Mbit/s]}}, "
    "{es: {cpu: 2 GHz}, ues: 2}]"
)
CLASSES = (
    "task.classes=[{weight: 3, input: {uniform: [100 kB, 300 kB]}, cycles: {uniform: [0.2 G, 0.6 G]}, deadline: 2 s}, "
    "{weight: 1, input: 500 kB, cycles: 1.2 G, deadline: 4 s}]"
)
CHANGES = (CELLS, CLASSES, "radio.fading=200 ms", "slots=12", "density=0.6", "emulation.burn=0.02")


def test_ideal_instants_on_links_that_vary_are_those_of_the_twin(tmp_path):
    sets = [word for change in CHANGES for word in ("--set", change)]
    found = document("run", "region", *sets, "--policy", "offload-do", "--out", "r", cwd=tmp_path)
    assert found["tasks"]["generated"] > 15 and found["tasks"]["unaccounted"] == found["tasks"]["failed"] == 0
    run = reader.read_run(tmp_path / "r")
    assert len({row.deadline_ns for row in run.tasks}) == 2
    rows, plan = ColumnTable.of(TaskRow, run.tasks), replay.plan_as_recorded(run)
    index = {ue.name: ue.index for ue in plan.system.ues}
    ue, number = np.array([index[row.ue] for row in rows]), rows.ints("number")
    decided = repeat.Decided(
        ue=ue, number=number, slot=rows.ints("slot"), choice=rows.ints("choice"), think_ns=rows.ints("think_ns")
    )
    assert repeat.can_repeat(plan, decided)
    order = np.lexsort((number, ue))
    ends = repeat.ends_ns(plan, decided)
    exactly = ends.tolist() == rows.ints("finished_ns")[order].tolist()
    assert exactly or found["fidelity"]["slipped"] or found["fidelity"]["grade"] not in "AB"
    pairs = reference.by_twin(run)
    assert pairs is not None and len(pairs) == len(rows)
    simulated = {(row.ue, row.number): row.finished_ns for row in replay.as_recorded(run).tasks}
    names = [one.name for one in plan.system.ues]
    keys = zip(ue[order].tolist(), number[order].tolist(), strict=True)
    assert [simulated[names[one], n] for one, n in keys] == ends.tolist()
