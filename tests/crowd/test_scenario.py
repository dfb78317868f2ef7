"""Scenarios with crowds: who is in one, and what cannot be asked of it."""

import pytest

from testbed.experiments.api import load_scenario
from testbed.model.delay import NS_PER_S
from testbed.model.errors import ScenarioError
from testbed.model.system import Fault
from testbed.protocol.placement import CROWD_ROLE, crowds_of, hosts_of, listeners
from testbed.scenario.dump import dump
from testbed.scenario.resolve import resolve

LIGHT = "emulation: {payload: declared, burn: 0}\n"


def written(tmp_path, text):
    file = tmp_path / "s.yaml"
    file.write_text(text)
    return file


def plan_of(tmp_path, text):
    resolved = resolve(load_scenario(written(tmp_path, text)))
    return resolved.plan((), "lc", second_offload=False, live=True)


@pytest.mark.parametrize(
    ("text", "line", "says", "remedy"),
    [
        ("cells: [{ues: 4, crowd: 5}]\n" + LIGHT, 1, "a crowd of 5 in a cell of 4 UEs", "write at most 4"),
        ("cells: [{ues: 4, crowd: 2}]\nemulation:\n  burn: 0\n", 1, "no real payload", "payload: declared"),
        (
            "cells: [{ues: 4, crowd: 2}]\nemulation:\n  payload: declared\n  burn: 0.1\n",
            1,
            "burns no cycles",
            "burn: 0",
        ),
        ("cells: [{ues: 4, crowd: 2}]\nagent:\n  epoch: arrival\n" + LIGHT, 3, "at slot boundaries", "epoch: slot"),
        ("cells: [{ues: 4, crowd: 2}]\nue:\n  hedge: 1 s\n" + LIGHT, 3, "no options for failures", "drop it"),
        (
            "cells: [{ues: 4, crowd: 2}]\n" + LIGHT + "faults:\n  - {kill: ue-1-3, at: 2 s}\n",
            4,
            "ue-1-3 is one of a crowd",
            "make the crowd smaller",
        ),
    ],
)
def test_what_a_crowd_cannot_do_is_refused_with_its_line_and_a_remedy(tmp_path, text, line, says, remedy):
    with pytest.raises(ScenarioError) as refused:
        load_scenario(written(tmp_path, text))
    assert f"s.yaml:{line}" in str(refused.value)
    assert says in str(refused.value) and remedy in refused.value.remedy


def test_a_single_ue_beside_a_crowd_may_die(tmp_path):
    text = "cells: [{ues: 4, crowd: 2}]\n" + LIGHT + "faults: [{kill: ue-1-2, at: 2 s}]\n"
    (fault,) = plan_of(tmp_path, text).faults
    assert fault == Fault("ue-1-2", 2 * NS_PER_S)


def test_the_last_ues_of_a_cell_are_its_crowd_and_the_others_single_or_packed(tmp_path):
    text = "cells: [{ues: 5, crowd: 3}, {ues: 3}, {ues: 2, crowd: 2}]\n" + LIGHT
    plan = plan_of(tmp_path, text)
    assert {name: [ue.name for ue in ues] for name, ues in crowds_of(plan).items()} == {
        "crowd-1-1": ["ue-1-3", "ue-1-4", "ue-1-5"],
        "crowd-3-1": ["ue-3-1", "ue-3-2"],
    }
    hosts = hosts_of(plan)
    assert [name for name, (role, _) in hosts.items() if role == "ue_agent"] == [
        "ue-1-1",
        "ue-1-2",
        "ue-2-1",
        "ue-2-2",
        "ue-2-3",
    ]
    assert hosts["crowd-3-1"] == (CROWD_ROLE, ("ue-3-1", "ue-3-2"))
    assert listeners("crowd-3-1", hosts["crowd-3-1"]) == ("crowd-3-1",)
    assert listeners("es-1", hosts["es-1"]) == ("es-1",)


def test_a_crowd_of_thousands_is_several_processes(tmp_path):
    plan = plan_of(tmp_path, "cells: [{ues: 2500, crowd: 2400}]\n" + LIGHT)
    assert [len(ues) for ues in crowds_of(plan).values()] == [1000, 1000, 400]


def test_the_key_survives_being_written(tmp_path):
    resolved = resolve(load_scenario(written(tmp_path, "cells: [{ues: 4, crowd: 2}]\n" + LIGHT)))
    again = resolve(load_scenario(written(tmp_path, dump(resolved.scenario))))
    assert again.scenario.cells[0].crowd == 2 and again.emulation.crowds == (2,)
