"""``testbed compare`` from the command line: its CSV file, its sweeps, what it refuses."""

import csv

import pytest

from testbed.analysis.comparison import METRICS
from tests.command import call, document

SMALL = ("smoke", "--policies", "lc,greedy", "--seeds", "3")


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_file_holds_the_table(tmp_path):
    content = document("compare", *SMALL, "--csv", "out.csv", cwd=tmp_path)
    listed = rows(tmp_path / "out.csv")
    assert [row["policy"] for row in listed] == ["lc", "greedy"]
    for row in listed:
        for metric in METRICS:
            one = content["policies"][row["policy"]][metric]
            assert [float(row[metric + part]) for part in ("", "_low", "_high")] == [one["mean"], *one["ci95"]]
        assert (row["workloads"], row["stable"]) == ("3", "true")


def test_the_csv_file_of_a_sweep_has_its_key(tmp_path):
    call("compare", *SMALL, "--sweep", "density=0.3..0.5:2", "--csv", "out.csv", cwd=tmp_path)
    assert [(row["density"], row["policy"]) for row in rows(tmp_path / "out.csv")] == [
        (value, name) for value in ("0.3", "0.5") for name in ("lc", "greedy")
    ]


def test_a_sweep_of_two_keys_has_both_in_its_table_its_document_and_its_plots(tmp_path):
    pytest.importorskip("matplotlib", reason="plots need the extra plots")
    sweeps = ("--sweep", "density=0.3..0.5:2", "--sweep", "cells.0.es.cpu=2..4 GHz:2")
    shown = document("compare", *SMALL, *sweeps, "--csv", "out.csv", "--plots", "drawn", cwd=tmp_path)["sweep"]
    points = [(value, speed) for value in ("0.3", "0.5") for speed in ("2 GHz", "4 GHz")]
    assert (shown["key"], shown["second_key"]) == ("density", "cells.0.es.cpu")
    assert [(point["value"], point["second_value"]) for point in shown["points"]] == points
    listed = rows(tmp_path / "out.csv")
    assert [(row["density"], row["cells.0.es.cpu"]) for row in listed] == [point for point in points for _ in "ab"]
    drawn = rows(tmp_path / "drawn" / "overhead_cells.0.es.cpu-4-GHz.csv")
    here = "density (cells.0.es.cpu = 4 GHz)"
    assert [(row["policy"], row[here]) for row in drawn] == [(p, v) for p in ("lc", "greedy") for v in ("0.3", "0.5")]
    means = {(row["density"], row["policy"]): row["overhead"] for row in listed if row["cells.0.es.cpu"] == "4 GHz"}
    assert all(row["mean overhead"] == means[row[here], row["policy"]] for row in drawn)
    assert len(list((tmp_path / "drawn").glob("*.svg"))) == len(list((tmp_path / "drawn").glob("*.png"))) == 8


def test_plots_are_of_a_sweep(tmp_path):
    assert "--plots draws a sweep" in call("compare", *SMALL, "--plots", "drawn", cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "drawn").exists()


def test_a_value_of_a_sweep_without_tasks_is_left_out_and_no_nan_is_printed(tmp_path):
    result = call("compare", *SMALL, "--sweep", "density=0..0.5:2", cwd=tmp_path)
    assert "density = 0 left out: no workload has tasks" in result.stderr
    assert "density = 0.5" in result.stdout and "nan" not in result.stdout
    assert "no workload has tasks" in call("compare", *SMALL, "--set", "density=0", cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(("arguments", "code"), [("", 2), (".", 3), ("no/folder.csv", 3)])
def test_a_csv_file_that_cannot_be_written_is_refused_before_the_work(tmp_path, arguments, code):
    result = call("compare", "region", "--seeds", "500", "--csv", arguments, cwd=tmp_path, code=code)
    assert "--csv" in result.stderr and result.stdout == ""


def test_one_workload_has_no_empty_numbers_in_its_file(tmp_path):
    call("compare", *SMALL[:-1], "1", "--csv", "out.csv", cwd=tmp_path)
    assert {(row["overhead_low"], row["overhead_high"]) for row in rows(tmp_path / "out.csv")} == {("", "")}
