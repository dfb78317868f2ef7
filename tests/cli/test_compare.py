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
