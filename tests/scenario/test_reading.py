"""Inputs that can be read only once, and inputs that begin with nothing."""

import json
import os
import subprocess
import sys
import threading

import pytest

from testbed.model.errors import ScenarioError
from testbed.scenario.reading import is_stream, read_text
from testbed.scenario.tables import Table
from tests.command import PATIENCE_S, environment

SCENARIO = "slots: 3\ncells: [{es: {cpu: 2 GHz}, ues: 1}]\n"
TASKS = "time_s,ue,input_bits,cycles,deadline_s\n0,ue-1-1,8000,1000000,2\n1,ue-1-1,8000,1000000,2\n"
RATES = "duration_s,rate_bps\n1,1000000\n"
QUICK = "--policy lc --backend sim --json --out r"


def shell(line, cwd, output=""):
    """``testbed LINE`` in bash, with process substitution; ``output`` is its standard input, a pipe."""
    command = f"exec {sys.executable} -m testbed {line}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        input=output,
    )
    assert "Traceback" not in done.stderr and done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "w.csv").write_text(TASKS)
    (tmp_path / "r.csv").write_text(RATES)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        f"run {{}} --for 2s {QUICK}",
        "check {} --for 2s --json",
        "compare {} --for 2s --policies lc --seeds 2 --json",
        "compare {} --policies lc --seeds 2 --sweep density=0.3..0.5:2 --json",
    ],
)
@pytest.mark.parametrize("scenario", ["<(cat s.yaml)", "/dev/stdin"])
def test_a_scenario_may_come_through_a_pipe(folder, line, scenario):
    assert json.loads(shell(line.format(scenario), folder, SCENARIO))


@pytest.mark.parametrize("key", ["workload.trace={}", "radio.trace.file={}"])
def test_a_trace_may_come_through_a_pipe(folder, key):
    text = "w.csv" if key.startswith("workload") else "r.csv"
    for trace in (f"<(cat {text})", "/dev/stdin"):
        arguments = f'--set "{key.format("$0")}"'
        command = f"compare s.yaml --policies lc,offload --seeds 3 --json {arguments.replace('$0', trace)}"
        if trace.startswith("<("):
            command = command.replace(f'"{key.format(trace)}"', f"{key.format('')}{trace}")
        assert json.loads(shell(command, folder, (folder / text).read_text()))["workloads"] >= 1


def test_a_table_may_be_replayed_and_imported_through_a_pipe(folder):
    data = json.loads(shell("replay /dev/stdin --policy lc --on sim --scenario s.yaml --json --out r", folder, TASKS))
    assert data["tasks"]["generated"] == 2
    shell("import csv <(cat w.csv) -o v.csv --scenario s.yaml", folder)
    assert (folder / "v.csv").read_text().count("\n") == 3


def test_a_relative_trace_of_a_scenario_through_a_pipe_lies_in_the_working_directory(folder):
    text = SCENARIO + "workload: {trace: w.csv}\n"
    data = json.loads(shell(f"run /dev/stdin {QUICK}", folder, text))
    assert data["tasks"]["generated"] == 2 and data["scenario"] == "scenario"


def test_a_pipe_is_opened_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("once",))
    writer.start()
    assert is_stream(path) and [read_text(path) for _ in range(3)] == ["once"] * 3
    writer.join(10)
    assert not writer.is_alive()


def test_a_file_is_read_as_it_is_now(tmp_path):
    path = tmp_path / "a"
    for text in ("one", "two"):
        path.write_text(text)
        assert read_text(path) == text
    assert not is_stream(path) and not is_stream(tmp_path) and not is_stream(tmp_path / "gone")


def test_blank_lines_before_a_header_count_but_say_nothing():
    rows = list(Table("f", "\n \na,b\n1,2\n\n3,x\n", ("a", "b")).rows())
    assert [row["a"] for row in rows] == ["1", "3"]
    assert str(rows[1].error("b", "wrong")).startswith("f:6:3")
    with pytest.raises(ScenarioError, match='no column "c"') as caught:
        Table("f", "\na,b\n", ("c",))
    assert (caught.value.line, caught.value.source) == (2, "a,b")
