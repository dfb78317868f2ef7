"""What a killed process left of its coverage data does not stand in the way of the others'."""

import subprocess
import sys
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[2]


def test_data_that_is_not_whole_is_removed_and_the_rest_is_combined(tmp_path):
    for name in ("data.a", "data.b", "data.c"):
        data = coverage.CoverageData(str(tmp_path / name))
        data.add_lines({f"/{number}.py": [1, 2, 3] for number in range(2000)})
    content = (tmp_path / "data.b").read_bytes()
    (tmp_path / "data.b").write_bytes(content[: len(content) // 2])
    (tmp_path / "data.c").write_bytes(b"")
    command = [sys.executable, str(ROOT / "tools" / "coverage_files.py"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("2 processes")
    assert [file.name for file in tmp_path.iterdir()] == ["data.a"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""
