"""Nothing that a user gave is ignored: what does nothing is refused, what is left out is said, no NaN is printed."""

import pytest

from testbed.cli.main import main

HEADER = "time_s,ue,input_bits,cycles,deadline_s\n"
ROW = "{},ue-1-1,800000,500000000,2\n"
SYSTEM = """\
slots: 10
radio: {trace: {durations: [1 s], rates: [8 Mbit/s]}}
cells: [{es: {cpu: 2 GHz}, ues: 1}]
"""


@pytest.fixture
def outcome_of(tmp_path, monkeypatch, capsys):
    """Calls the command line in a folder of its own: (exit code, what it printed, without NaN)."""
    monkeypatch.chdir(tmp_path)

    def call(*args):
        code = main(args)
        text = "".join(capsys.readouterr())
        assert "nan" not in text.replace("Finance", "") and "Traceback" not in text
        return code, text

    return call


def written(name, *instants):
    """A workload table in the working directory."""
    with open(name, "w", encoding="utf-8") as file:
        file.write(HEADER + "".join(ROW.format(at) for at in instants))


def traced(name, **workload):
    """A scenario with the workload trace of that name."""
    keys = ", ".join(f"{key}: {value}" for key, value in workload.items())
    with open("s.yaml", "w", encoding="utf-8") as file:
        file.write(SYSTEM + f"workload: {{trace: {name}, {keys}}}\n")
    return "s.yaml"


RUN = ("run", "smoke", "--slots", "3", "--backend")
TABLE = ("replay", "w.csv", "--on", "sim")


@pytest.mark.parametrize(
    ("args", "option"),
    [
        ((*RUN, "sim", "--speed", "3"), "--speed"),
        ((*RUN, "twin", "--strict"), "--strict"),
        ((*TABLE, "--speed", "2"), "--speed"),
        ((*TABLE, "--set", "workload.arrivals=poisson"), "--set workload.arrivals"),
        (("compare", "smoke", "--speed", "2"), "--speed"),
        (("compare", "smoke", "--on", "twin", "--speed", "2"), "--speed"),
        ((*RUN, "twin", "--think", "5ms"), "--think"),
        ((*TABLE, "--think", "5ms"), "--think"),
        (("compare", "smoke", "--think", "5ms"), "--think"),
        (("bound", "smoke", "--think", "5ms"), "--think"),
        ((*RUN, "testbed", "--workers", "2"), "--workers"),
        ((*RUN, "testbed", "--mode", "a3c"), "--mode"),
        ((*RUN, "testbed", "--synchronous"), "--synchronous"),
        (("import", "csv", "w.csv", "-o", "o.csv", "--cells", "2"), "--cells"),
        (("import", "csv", "w.csv", "-o", "o.csv", "--bin", "1 s"), "--bin"),
        (("import", "eua", "w.csv", "-o", "o.csv", "--scenario", "region"), "--scenario"),
        (("import", "mahimahi", "w.csv", "-o", "o.csv", "--set", "slots=3"), "--set"),
        (("import", "azure", "w.csv", "-o", "o.csv", "--ues-per-cell", "3"), "--ues-per-cell"),
    ],
)
def test_an_option_without_effect_is_refused(outcome_of, args, option):
    written("w.csv", 0)
    code, text = outcome_of(*args)
    assert code == 2 and option in text


@pytest.mark.parametrize(
    "args",
    [
        (*RUN, "sim", "--out", ""),
        ("compare", "smoke", "--sweep", ""),
        ("compare", "smoke", "--policies", ""),
        (*TABLE, "--scenario", ""),
        (*TABLE, "--policy", ""),
        ("import", "mahimahi", "w.csv", "-o", "o", "--bin", ""),
    ],
)
def test_an_empty_value_is_refused(outcome_of, args):
    code, text = outcome_of(*args)
    assert code == 2 and f'{args[-2]} "": nothing is given' in text


def test_options_that_change_nothing_in_recorded_runs_are_refused(outcome_of):
    assert outcome_of(*RUN, "sim", "--out", "a")[0] == outcome_of(*RUN, "sim", "--policy", "lc", "--out", "b")[0] == 0
    for args in (
        ("--as-recorded", "--set", "density=1"),
        ("--as-recorded", "--scenario", "region"),
        ("--scenario", "x"),
    ):
        code, text = outcome_of("replay", "a", "--on", "sim", *args)
        assert code == 2 and args[-2] in text
    for args in (
        ("--policies", "lc"),
        ("--on", "sim"),
        ("--seeds", "2"),
        ("--sweep", "density=0..1:2"),
        ("--seed", "3"),
    ):
        code, text = outcome_of("compare", "a", "b", *args)
        assert code == 2 and args[0] in text
    assert outcome_of("compare", "a", "b")[0] == 0


def test_tasks_outside_of_the_run_are_told(outcome_of):
    written("half.csv", 0, 2, 4, 20, 22, 24)
    scenario = traced("half.csv")
    for args in (
        ("run", scenario, "--backend", "sim"),
        ("check", scenario),
        ("compare", scenario, "--policies", "lc,greedy"),
    ):
        code, text = outcome_of(*args)
        assert code == 0 and "3 of 6 tasks of" in text and "--slots 25 would hold all" in text
    assert "left out" not in outcome_of("run", scenario, "--backend", "sim", "--slots", "25")[1]


def test_a_trace_in_unix_time_is_refused_until_it_is_told_where_to_begin(outcome_of):
    written("epoch.csv", 1715299200, 1715299201, 1715299202)
    code, text = outcome_of("run", traced("epoch.csv"), "--backend", "sim")
    assert code == 2 and "all 3 tasks" in text and "--set workload.start=first" in text
    assert "3 generated" in outcome_of("run", "s.yaml", "--backend", "sim", "--set", "workload.start=first")[1]
    code, text = outcome_of("run", traced("epoch.csv", start="1715299201 s"), "--backend", "twin")
    assert code == 0 and "2 generated" in text and "1 tasks of" in text
    code, text = outcome_of(
        "replay", "epoch.csv", "--scenario", "s.yaml", "--on", "sim", "--set", "workload.start=first"
    )
    assert code == 2
    traced("epoch.csv", start="first")
    code, text = outcome_of("replay", "epoch.csv", "--scenario", "s.yaml", "--on", "sim")
    assert code == 0 and "3 generated" in text and "begins 1715299200 s after 0" in text


def test_a_table_without_tasks_is_refused_or_told(outcome_of):
    written("none.csv")
    code, text = outcome_of("run", traced("none.csv"), "--backend", "sim")
    assert code == 0 and "no task is generated" in text
    for args in (("replay", "none.csv", "--on", "sim"), ("import", "csv", "none.csv", "-o", "o.csv")):
        code, text = outcome_of(*args)
        assert code == 2 and "there is no task" in text
    code, text = outcome_of("compare", "s.yaml", "--policies", "lc,greedy")
    assert code == 2 and "no workload has tasks" in text


def test_faults_that_a_run_does_not_see_are_told(outcome_of):
    with open("f.yaml", "w", encoding="utf-8") as file:
        file.write("slots: 20\nfaults: [{at: 1 s, kill: es-1, restart_after: 1 s}, {at: 15 s, kill: es-2}]\n")
    code, text = outcome_of("run", "f.yaml", "--slots", "5", "--backend", "sim")
    assert code == 0 and "es-2 is killed at 15 s" in text and "es-1 is killed" not in text
    assert "es-2" in outcome_of("compare", "f.yaml", "--slots", "5", "--policies", "lc", "--seeds", "1")[1]
    code, text = outcome_of("tune", "f.yaml", "--policy", "coin", "--slots", "20", "--out", "c")
    assert code == 0 and "training plays no faults" in text


def test_nothing_is_compared_ranked_or_learned_where_there_is_no_task(outcome_of, tmp_path):
    empty = ("smoke", "--slots", "5", "--set", "density=0")
    for args in (("compare", *empty), ("compare", *empty, "--on", "twin", "--json"), ("bound", *empty)):
        code, text = outcome_of(*args)
        assert code == 2 and "lowest overhead" not in text
    for more in (("tune", *empty, "--policy", "priced"), ("train", *empty, "--updates", "2")):
        code, text = outcome_of(*more, "--out", "c")
        assert code == 2 and "nothing to learn from" in text
    assert not [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
    outcome_of("run", *empty, "--backend", "sim", "--out", "a")
    outcome_of("run", *empty, "--backend", "twin", "--policy", "lc", "--out", "b")
    assert outcome_of("compare", "a", "b")[0] == 2
    for name in ("a", "b"):
        assert "no task finished" in outcome_of("report", name)[1] and outcome_of("report", name, "--json")[0] == 0


def test_empty_workloads_are_left_out_of_a_comparison(outcome_of):
    code, text = outcome_of(
        "compare", "smoke", "--slots", "5", "--policies", "lc,offload", "--seeds", "3", "--sweep", "density=0..0.3:3"
    )
    assert code == 0 and "density = 0 left out: no workload has tasks that all policies finished" in text
    assert "1 workload left out, in which no task finished" in text and text.count("lowest overhead") == 2


IDLE = "--set {} changes nothing"


@pytest.fixture
def recorded(outcome_of):
    """A run of a table and its calls: everything after has something to replay."""
    written("w.csv", 0, 1, 2.5)
    assert outcome_of("run", traced("w.csv", format="csv"), "--backend", "sim", "--policy", "lc", "--out", "r")[0] == 0
    return outcome_of


@pytest.mark.parametrize(
    ("args", "key"),
    [
        (("run", "s.yaml", "--backend", "sim"), "density=3"),
        (("run", "s.yaml", "--backend", "sim"), "task.cycles=1M"),
        (("run", "s.yaml", "--backend", "sim"), "task.deadline=1s"),
        (("run", "s.yaml", "--backend", "twin", "--policy", "lc"), "workload.assignment=density"),
        (("run", "s.yaml", "--backend", "sim"), "radio.trace.hold=20s"),
        (("run", "s.yaml", "--backend", "sim"), "emulation.speed=3"),
        (("run", "s.yaml", "--backend", "sim"), "emulation.limits.es.cpu=1"),
        (("check", "s.yaml"), "density=3"),
        (("compare", "s.yaml", "--policies", "lc,offload", "--seeds", "1"), "emulation.payload=declared"),
        (("bound", "s.yaml", "--policies", "lc", "--evaluations", "10"), "task.input=1MB"),
        (("tune", "smoke", "--slots", "2", "--out", "c"), "seed=3"),
        (("replay", "r", "--on", "sim"), "density=0.1"),
        (("replay", "r", "--on", "sim"), "task.deadline=1s"),
        (("replay", "r", "--on", "sim"), "ue.cpu=5GHz"),
        (("replay", "r", "--on", "sim"), "cells.0.density_factor=2"),
        (("replay", "r", "--on", "twin"), "emulation.burn=0.5"),
        (("replay", "w.csv", "--on", "sim", "--scenario", "s.yaml"), "density=0.1"),
    ],
)
def test_a_key_that_changes_nothing_there_is_said(recorded, args, key):
    code, text = recorded(*args, "--set", key)
    assert code == 0 and text.count(IDLE.format(key.partition("=")[0])) == 1


def test_a_sweep_of_what_changes_nothing_is_said(recorded):
    code, text = recorded("compare", "s.yaml", "--policies", "lc,offload", "--seeds", "1", "--sweep", "density=1..2:2")
    assert code == 0 and text.count(IDLE.format("density")) == 1


@pytest.mark.parametrize(
    "key", ["ue.tx_power=0.1W", "radio.latency=3ms", "emulation.drain_limit=40s", "cells.0.ue.cpu=2GHz", "slots=9"]
)
def test_a_key_that_changes_something_is_not_said_to_do_nothing(recorded, key):
    for args in (("run", "s.yaml", "--backend", "sim"), ("replay", "w.csv", "--on", "sim", "--scenario", "s.yaml")):
        code, text = recorded(*args, "--set", key)
        assert code == 0 and "changes nothing" not in text
