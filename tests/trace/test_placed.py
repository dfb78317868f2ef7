"""Cells of a scenario from the places of sites and users, as an import makes them."""

import pytest

from testbed.model.errors import ScenarioError
from testbed.scenario.dump import dump_resolved
from testbed.scenario.load import load_scenario, parse_scenario
from testbed.trace import inputs
from testbed.trace.convert import ConversionOptions, convert

SITES = "SITE_ID,LATITUDE,LONGITUDE\n1,-37.810,144.960\n2,-37.820,144.960\n3,-37.830,144.960\n4,-37.900,144.960\n"
USERS = "Latitude,Longitude\n" + "".join(
    f"{latitude},144.9605\n" for latitude in (-37.8101, -37.8102, -37.8199, -37.8201, -37.8202, -37.8301, -37.95)
)
CELLS = "cells: [{es: {cpu: 3 GHz}}]\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "s.csv").write_text(SITES)
    (tmp_path / "u.csv").write_text(USERS)
    return tmp_path


def read(folder, text, output=None):
    (folder / "s.yaml").write_text(text)
    return inputs.resolve(load_scenario(folder / "s.yaml"), (output if output is not None else []).append)


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ("", {}),
        (", most_cells: 2", {"cells": 2}),
        (", ues_per_cell: 1, radius: 500 m", {"ues_per_cell": 1, "radius_m": 500.0}),
        (", radius: 10 m, most_cells: all", {"radius_m": 10.0}),
    ],
)
def test_an_inline_topology_gives_the_very_system_of_an_imported_one(folder, keys, options):
    text = f"topology: {{files: [u.csv, s.csv]{keys}}}\n" + CELLS
    files = [folder / "s.csv", folder / "u.csv"]
    if keys.startswith(", radius: 10 m"):
        with pytest.raises(ScenarioError, match="no user is within 10 m"):
            read(folder, text)
        return
    inline = read(folder, text)
    (folder / "s.yaml").write_text(convert("eua", files, ConversionOptions(**options))[0])
    assert inputs.resolve(load_scenario(folder / "s.yaml")).system == inline.system
    assert inputs.resolve(parse_scenario(dump_resolved(inline))).system == inline.system


def test_it_says_how_many_there_are_and_who_was_left_out(folder):
    messages: list[str] = []
    result = read(folder, "topology: {files: [s.csv, u.csv], most_cells: 2, ues_per_cell: 2}\n" + CELLS, messages)
    assert [cell.ues for cell in result.scenario.cells] == [2, 2]
    assert messages == [
        "1 user of 7 farther than 2000 m from every site left out (topology.radius)",
        "1 site without users left out",
        "1 cell with 1 user left out (topology.most_cells)",
        "1 user left out, others of their cell being nearer (topology.ues_per_cell)",
        "2 cells at 4 sites, with 4 of 7 users",
    ]


def test_cells_are_taken_in_turn_and_faults_are_of_those_that_there_are(folder):
    text = (
        "topology: {files: [s.csv, u.csv]}\n"
        "cells: [{es: {cpu: 4 GHz}, task: {input: 1 kB}}, {es: {cpu: 2 GHz}, ue: {cpu: 1 GHz}}]\n"
        "faults: [{at: 1 s, kill: NAME}]\n"
    )
    result = read(folder, text.replace("NAME", "ue-3-1"))
    assert [es.cpu_hz for es in result.system.edge_servers] == [4 * 10**9, 2 * 10**9, 4 * 10**9]
    tasks = inputs.generate(result.scenario, result.system)
    assert {task.input_bits == 8_000 for task in tasks if result.system.ues[task.ue].cell == 1} == {False}
    assert {task.input_bits for task in tasks if result.system.ues[task.ue].cell != 1} == {8_000}
    with pytest.raises(ScenarioError, match="no process"):
        read(folder, text.replace("NAME", "ue-4-1"))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("topology: {files: [no.csv]}", 1, "there is no file"),
        ("topology: {radius: 1 km}", 1, 'lacks "files"'),
        ("topology: {files: [s.csv]}", 0, "no file of users was given"),
        ("topology: {files: [s.csv, u.csv]}\ncells: [{ues: 2, ue: {distance: {each: [1 m, 2 m]}}}]", 2, "single UEs"),
        ("topology: {files: [s.csv, u.csv]}\ncells: [{ues: 1, ue_tasks: [{}]}]", 2, "single UEs"),
    ],
)
def test_mistakes_are_told_where_they_stand(folder, text, line, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        read(folder, text)
    assert (caught.value.line or 0) == line


def test_a_wrong_place_is_told_with_file_and_line(folder):
    (folder / "u.csv").write_text("Latitude,Longitude\n-37.8,144.9\n-370,144.9\n")
    with pytest.raises(ScenarioError, match="out of range") as caught:
        read(folder, "topology: {files: [s.csv, u.csv]}")
    assert caught.value.file.endswith("u.csv") and caught.value.line == 3
