"""The command line as its users meet it: exit codes, JSON, messages. Every call is a real process."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from keyword import iskeyword

import pytest

from testbed.cli.verbs import VERBS, command
from tests.command import PATIENCE_S, call, document, environment, start

SHORT = ("--backend", "sim", "--slots", "10")
TASKS = {
    "generated",
    "local",
    "offloaded",
    "forwarded",
    "completed",
    "late",
    "rejected",
    "recovered",
    "fallback",
    "failed",
    "unaccounted",
}
KEYS = {
    "run",
    "scenario",
    "policy",
    "seed",
    "speed",
    "slots",
    "tasks",
    "delay_s",
    "energy_j",
    "energy_measured_j",
    "overhead",
    "reward_per_slot",
    "deadline_hit_rate",
    "stable",
    "fairness",
    "es",
    "fidelity",
    "where_time_went",
    "thresholds",
}
FIDELITY = {
    "grade",
    "burn",
    "payload",
    "lateness_ms",
    "delay_error",
    "slipped",
    "steal",
    "cpu",
    "worst",
    "remedy",
}


def test_summary_has_every_field(tmp_path):
    content = document("run", "region", *SHORT, "--policy", "greedy-do", "--seed", "3", cwd=tmp_path)
    assert set(content) >= KEYS
    assert set(content["tasks"]) >= TASKS
    assert set(content["delay_s"]) == {"mean", "p50", "p95", "p99"}
    assert set(content["energy_j"]) == set(content["energy_measured_j"]) == {"mean", "total"}
    assert set(content["overhead"]) == {"mean"}
    assert set(content["fidelity"]) >= FIDELITY
    assert set(content["fidelity"]["lateness_ms"]) == {"p50", "p99", "max"}
    assert set(content["fidelity"]["cpu"]) == {"asked_s", "achieved_s"}
    assert content["fidelity"]["grade"] == "exact" and content["fidelity"]["delay_error"] == {"median": 0.0, "p99": 0.0}
    assert list(content["es"]) == ["es-1", "es-2", "es-3"]
    assert {"utilisation", "idle_while_other_over_threshold", "energy_j"} <= set(content["es"]["es-1"])
    assert (content["scenario"], content["policy"], content["seed"], content["slots"]) == ("region", "greedy-do", 3, 10)
    assert content["tasks"]["unaccounted"] == 0
    assert sum(content["where_time_went"].values()) == pytest.approx(content["delay_s"]["mean"])
    assert content["reward_per_slot"] == pytest.approx(
        -content["overhead"]["mean"] * content["tasks"]["generated"] / 10
    )


def test_run_directory(tmp_path):
    first = document("run", "region", *SHORT, cwd=tmp_path)["run"]
    second = document("run", "region", *SHORT, cwd=tmp_path)["run"]
    assert (first, second) == ("region-greedy-do-001", "region-greedy-do-002")
    here = tmp_path / "runs" / first
    assert {"scenario.yaml", "workload.csv", "run.db"} <= {path.name for path in here.iterdir()}
    assert (here / "workload.csv").read_text().startswith("time_s,ue,input_bits,cycles,deadline_s\n")
    with sqlite3.connect(here / "run.db") as db:
        assert db.execute("SELECT count(*) FROM tasks").fetchone()[0] > 0


def test_same_run_twice_records_the_same(tmp_path):
    one, two = (document("run", "region", *SHORT, "--policy", "random-do", cwd=tmp_path) for _ in range(2))
    assert {**one, "run": ""} == {**two, "run": ""}


def test_replay_of_a_run_as_recorded_and_with_another_policy(tmp_path):
    content = document("run", "region", *SHORT, "--out", "first", cwd=tmp_path)
    again = document("replay", "first", "--as-recorded", cwd=tmp_path)
    assert again["delay_s"] == content["delay_s"] and again["tasks"] == content["tasks"]
    other = document("replay", "first", "--policy", "lc", "--on", "sim", cwd=tmp_path)
    assert other["tasks"]["generated"] == other["tasks"]["local"] == content["tasks"]["generated"]
    twin = document("replay", "first", "--on", "twin", cwd=tmp_path)
    assert twin["delay_s"] == content["delay_s"] and twin["backend"] == "twin"


def test_a_replay_says_which_deaths_are_left_out_but_not_those_that_it_is_asked_to_leave_out(tmp_path):
    run = tmp_path / "first"
    call("run", "region", *SHORT, "--set", "faults=[{at: 1 s, kill: es-1}]", "--out", str(run), cwd=tmp_path)
    for options in ((), ("--set", "faults=[]"), ("--no-faults",)):
        said = call("replay", "first", "--on", "sim", *options, cwd=tmp_path).stderr
        assert "not planned" not in said
    scenario = (run / "scenario.yaml").read_text()
    assert "kill: es-1" in scenario
    (run / "scenario.yaml").write_text(re.sub(r"^faults:\n(- .*\n)+", "", scenario, flags=re.M))
    said = call("replay", "first", "--on", "sim", cwd=tmp_path).stderr
    assert "deaths that were not planned are left out (es-1)" in said


def test_replay_of_a_table(tmp_path):
    (tmp_path / "mine.csv").write_text(
        "time_s,ue,input_bits,cycles,deadline_s\n0.5,ue-1-2,1000000,500000000,1\n3,ue-3-1,1000000,500000000,1\n"
    )
    content = document("replay", "mine.csv", "--policy", "offload", "--on", "sim", cwd=tmp_path)
    assert (content["tasks"]["generated"], content["slots"]) == (2, 4)
    replayed = document("replay", f"runs/{content['run']}", "--on", "sim", cwd=tmp_path)
    assert replayed["delay_s"] == content["delay_s"]


MISTAKES = [
    ("cells:\n  - {es: {cpu: 8 GHz, quue: 64}, ues: 5}\n", "2:23", "queue_limit"),
    ("density: 0.7\nslots: ten\n", "2:8", ""),
    ("slot: 1\n", "1:7", ""),
    ("radio: {bandwidth: 2 MB}\n", "1:20", ""),
    ("ue: {cpu: {uniform: [2 GHz, 1 GHz]}}\n", "1:", ""),
    ("density: 1.5\n", "1:10", "poisson"),
    ("faults:\n  - {at: 1 s, kill: es-9}\n", "2:21", ""),
    ("slots: 10\nfaults:\n  - {at: 100 s, kill: es-1}\n", "3:", ""),
    ("thresholds: {delay_p95: 3 s}\n", "1:25", "<"),
    ("name: [a\n", "", ""),
    ("agent: {fallback: none}\n", "1:19", "lc"),
    ("seed: 1\nseed: 2\n", "2:1", ""),
]


@pytest.mark.parametrize("verb", [("run", "--backend", "sim"), ("check",)], ids=lambda verb: verb[0])
@pytest.mark.parametrize(("text", "place", "hint"), MISTAKES)
def test_scenario_mistakes(tmp_path, text, place, hint, verb):
    (tmp_path / "bad.yaml").write_text(text)
    result = call(verb[0], "bad.yaml", *verb[1:], cwd=tmp_path, code=2)
    assert f"bad.yaml:{place}" in result.stderr and hint in result.stderr
    assert result.stdout == "" and not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["run", "regoin"], "region"),
        (["run", "--policy", "gredy"], "greedy"),
        (["run", "--policy", "priced"], "testbed tune"),
        (["run", "--policy", "priced:nowhere.json"], "nowhere.json"),
        (["run", "--policy", "json:loads_"], "loads_"),
        (["run", "--slots", "0"], "--slots: "),
        (["run", "--seed", "-1"], "--seed: "),
        (["run", "--speed", "0"], "--speed: "),
        (["run", "--for", "60"], "unit"),
        (["run", "--for", "-1s"], "--for"),
        (["run", "--for", "1e9s"], "--for: "),
        (["run", "--set", "densty=1"], "density"),
        (["run", "--seed", "x"], "--seed"),
        (["run", "--speed", "fast"], "fast"),
        (["run", "--backend", "moon"], "moon"),
        (["replay", "nothing"], "nothing"),
        (["replay", "."], "run.db"),
        (["report"], "testbed run"),
        (["compare", "region", "--policies", "lc,greddy"], "greedy"),
        (["compare", "region", "--sweep", "density"], "key="),
        (["fly"], "fly"),
    ],
)
def test_usage_mistakes(tmp_path, args, output):
    result = call(*args, cwd=tmp_path, code=2)
    assert output in result.stderr and result.stdout == ""


def test_out_must_be_new(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    result = call("run", "region", *SHORT, "--out", "full", cwd=tmp_path, code=2)
    assert "not empty" in result.stderr and [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_out_that_cannot_be_written(tmp_path):
    result = call("run", "region", *SHORT, "--out", "/proc/here", cwd=tmp_path, code=3)
    assert "/proc/here" in result.stderr and "--out" in result.stderr


def test_threshold_fails(tmp_path):
    change = ("--set", "thresholds.delay_p95=< 1 ms")
    content = document("run", "region", *SHORT, *change, cwd=tmp_path, code=4)
    assert [(one["holds"], one["unit"]) for one in content["thresholds"]] == [(False, "s")]
    assert re.search(
        r"delay_p95 < 1 ms: [0-9.]+ s$", call("run", "region", *SHORT, *change, cwd=tmp_path, code=4).stderr
    )
    remaining = document("run", "region", *SHORT, "--set", "thresholds.fidelity=>= B", cwd=tmp_path)
    assert [one["holds"] for one in remaining["thresholds"]] == [True]


def test_deaths(tmp_path):
    (tmp_path / "deaths.yaml").write_text(
        "slots: 20\nfaults:\n  - {at: 3 s, kill: es-3, restart_after: 5 s}\n  - {at: 4 s, kill: ue-1-1}\n"
    )
    content = document("run", "deaths.yaml", "--backend", "sim", "--policy", "offload-do", "--out", "d", cwd=tmp_path)
    assert content["tasks"]["recovered"] > 0 and content["tasks"]["unaccounted"] == 0
    again = document("replay", "d", "--as-recorded", cwd=tmp_path)
    assert again["tasks"] == content["tasks"] and again["delay_s"] == content["delay_s"]


def test_policy_of_the_user(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def all_out(cell, rng):\n    return {ue.name: 1 for ue in cell.ues}\n"
        "def broken(cell, rng):\n    raise RuntimeError('oops')\n"
    )
    content = document("run", "region", *SHORT, "--policy", "mine:all_out", cwd=tmp_path)
    assert content["tasks"]["local"] == 0
    broken = document("run", "region", *SHORT, "--policy", "mine:broken", cwd=tmp_path)
    assert broken["tasks"]["fallback"] == broken["tasks"]["generated"]
    failed, fell_back = broken["warnings"]
    assert "RuntimeError: oops" in failed and "decided all 102 tasks" in fell_back
    assert "WARNING    the policy failed" in call("report", cwd=tmp_path).stdout


def test_plain_output_and_report(tmp_path):
    result = call("run", "region", *SHORT, cwd=tmp_path).stdout
    for word in ("generated", "overhead", "where time went", "es-3", "fidelity"):
        assert word in result
    report = call("report", cwd=tmp_path).stdout
    assert report.splitlines() == result.splitlines()[1:]


def test_record_that_is_none(tmp_path):
    call("run", "region", *SHORT, "--out", "r", cwd=tmp_path)
    record = tmp_path / "r" / "run.db"
    with sqlite3.connect(record) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    assert "version 99" in call("report", "r", cwd=tmp_path, code=2).stderr
    record.write_bytes(b"not a database at all" * 100)
    assert "damaged" in call("report", "r", cwd=tmp_path, code=2).stderr
    record.write_bytes(b"")
    assert "not the record" in call("report", "r", cwd=tmp_path, code=2).stderr


def test_init_and_check(tmp_path):
    call("init", "campus", cwd=tmp_path)
    assert "exists" in call("init", "campus", cwd=tmp_path, code=2).stderr
    assert "campus.yaml is valid: " in call("check", "campus.yaml", cwd=tmp_path).stdout
    content = document("check", "region", "--slots", "10", cwd=tmp_path)
    assert content["cells"]["es-1"]["es_hz"] == 4_000_000_000 and content["fit"]["processes"] == 20
    assert 0.02 <= content["fit"]["burn"] <= 1.0


def test_interrupted_simulation_keeps_its_record(tmp_path):
    process = start("run", "region", "--backend", "sim", "--slots", "20000", "--json", "--out", "r", cwd=tmp_path)
    assert process.stderr is not None and any("simulating" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "interrupted" in err
    data = json.loads(out)
    assert data["ended"] == "interrupted" and data["tasks"]["completed"] > 0 and data["tasks"]["unaccounted"] == 0
    assert document("report", "r", cwd=tmp_path)["tasks"] == data["tasks"]


def test_reader_that_goes_away(tmp_path):
    read, write = os.pipe()
    process = start("check", "region", cwd=tmp_path, stdout=write)
    os.close(read)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and "Traceback" not in err and "pipe" not in err.lower()


def test_help_imports_little():
    script = "import sys; from testbed.cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"torch", "numpy", "numba", "zmq", "rich", "msgspec"}
    assert "compare" in done.stdout


def test_every_verb_has_a_module():
    for name in VERBS:
        assert command(name).__name__ == f"testbed.cli.commands.{name + '_' * iskeyword(name)}"
