"""The floor of coverage: counted by package, and no package may be under it."""

import json

import pytest

from tools import coverage_floor

FILES = {
    "testbed/__init__.py": (9, 10),
    "testbed/node/host.py": (90, 100),
    "testbed/node/work.py": (0, 10),
    "testbed/gym/deep/in.py": (5, 5),
    "controller/__init__.py": (0, 0),
}


def test_files_are_counted_by_package_and_in_all():
    assert coverage_floor.by_package(FILES) == {
        "all": (104, 125),
        "testbed": (9, 10),
        "testbed.gym": (5, 5),
        "testbed.node": (90, 110),
    }


@pytest.mark.parametrize(("floor", "code", "low"), [("81", 0, ""), ("85", 1, "under 85 %: all, testbed.node\n")])
def test_a_package_under_the_floor_is_named(tmp_path, capsys, floor, code, low):
    summaries = {
        name: {"summary": {"covered_lines": hit, "num_statements": count}} for name, (hit, count) in FILES.items()
    }
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"files": summaries}))
    assert coverage_floor.main([str(report), "--floor", floor]) == code
    said = capsys.readouterr()
    assert said.err == low
    assert "testbed.node            81.8 %  90 of 110" in said.out
    assert said.out.count("under the floor") == len(low.split(",")) * (code == 1)
