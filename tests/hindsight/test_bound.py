"""``testbed bound``: what it prints, writes and refuses; a run's own decisions; an interrupt."""

import csv
import json
import signal

import pytest

from testbed.cli import main
from tests.command import PATIENCE_S, document, start

QUICK = ("--evaluations", "3000")
SMALL = ("region", "--slots", "10", *QUICK)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bound(capsys, *args, code=0):
    """``testbed bound`` in this process: the JSON document, or what it said on standard error."""
    result = main.main(["bound", *args, "--json"])
    captured = capsys.readouterr()
    assert result == code, captured.err
    return json.loads(captured.out) if code == 0 else captured.err


def in_order(result):
    """Bound, best found and every strategy, from small to large."""
    for name, one in result["policies"].items():
        assert result["lower_bound"]["overhead"] <= result["best_found"]["overhead"] <= one["overhead"], name
        assert one["above_best"] == pytest.approx(one["overhead"] / result["best_found"]["overhead"] - 1)
        assert one["above_bound"] == pytest.approx(one["overhead"] / result["lower_bound"]["overhead"] - 1)


def test_the_document_has_best_found_bound_and_the_distance_of_each_strategy(place, capsys):
    report = bound(capsys, *SMALL, "--policies", "lc,greedy-do")
    in_order(report)
    assert (report["scenario"], report["seed"], report["slots"], report["workloads"]) == ("region", 7, 10, 1)
    assert list(report["policies"]) == ["lc", "greedy-do"] and report["second_offload"]
    assert report["best_found"]["evaluations"] == 3000 and report["best_found"]["from"]
    assert bound(capsys, *SMALL, "--policies", "lc,greedy-do")["policies"] == report["policies"]


def test_several_workloads_give_means_and_the_numbers_of_each(place, capsys):
    report = bound(capsys, *SMALL, "--policies", "greedy", "--seeds", "2", "--seed", "3")
    in_order(report)
    each = report["each"]
    assert [one["seed"] for one in each] == [3, 4] and not report["second_offload"]
    assert report["best_found"]["overhead"] == pytest.approx((each[0]["best_found"] + each[1]["best_found"]) / 2)
    assert report["tasks"] == each[0]["tasks"] + each[1]["tasks"]


def test_a_run_is_judged_by_its_own_tasks_and_decisions(place, capsys):
    asked = ("run", "region", "--slots", "10", "--backend", "sim", "--policy", "random-do", "--seed", "5", "--json")
    assert main.main([*asked]) == 0
    result = json.loads(capsys.readouterr().out)
    report = bound(capsys, f"runs/{result['run']}", *QUICK)
    in_order(report)
    assert list(report["policies"]) == ["random-do"] and report["tasks"] == result["tasks"]["generated"]
    assert report["policies"]["random-do"]["overhead"] == pytest.approx(result["overhead"]["mean"], rel=1e-12)
    both = bound(capsys, result["run"], *QUICK, "--policies", "random-do,lc")
    assert list(both["policies"]) == ["random-do (recorded)", "random-do", "lc"]
    assert both["policies"]["random-do (recorded)"] == both["policies"]["random-do"]
    assert "what they were" in bound(capsys, result["run"], "--slots", "5", code=2)


def test_a_run_with_a_death_is_refused(place, capsys):
    fault = ("--set", "faults=[{at: 2 s, kill: es-1}]")
    assert main.main(["run", "region", "--slots", "6", "--backend", "sim", "--out", "dead", *fault]) == 0
    capsys.readouterr()
    assert "es-1 died" in bound(capsys, "dead", *QUICK, code=2)


def test_the_best_decisions_can_be_written_and_are_those_that_were_judged(place, capsys):
    report = bound(capsys, *SMALL, "--policies", "greedy-do", "--out", "best.csv")
    rows = list(csv.DictReader((place / "best.csv").open()))
    assert 0 < len(rows) <= report["tasks"] and {row["choice"] for row in rows} == {"0", "1"}
    chosen = ", ".join(f"({row['ue']!r}, {row['slot']}): {row['choice']}" for row in rows)
    (place / "mine.py").write_text(
        f"BEST = {{{chosen}}}\n\n\ndef best_do(cell, rng):\n"
        "    return {ue.name: BEST[ue.name, cell.slot] for ue in cell.ues if ue.tasks}\n"
    )
    again = document("run", "region", "--slots", "10", "--backend", "sim", "--policy", "mine:best_do", cwd=place)
    assert again["overhead"]["mean"] == pytest.approx(report["best_found"]["overhead"], rel=1e-12)
    assert "cannot be written" in bound(capsys, *SMALL, "--policies", "lc", "--out", "no/such/file", code=3)


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (("--evaluations", "0"), "--evaluations 0"),
        (("--seeds", "0"), "--seeds 0"),
        (("--policies", "lc,lc"), "different policies"),
        (("--policies", "priced"), "needs tuned values"),
        (("--set", "agent.epoch=arrival"), "the twin does not support it"),
        (("--set", "faults=[{at: 2 s, kill: es-1}]"), "does not support deaths"),
        (("--set", "density=0"), "no tasks"),
    ],
)
def test_mistakes_have_a_remedy(place, capsys, args, output):
    assert output in bound(capsys, *SMALL, *args, code=2)


def test_an_interrupt_prints_the_best_so_far(tmp_path):
    asked = ("region", "--slots", "10", "--policies", "greedy-do", "--evaluations", "1000000000")
    process = start("bound", *asked, cwd=tmp_path)
    line = ""
    assert process.stdout is not None and process.stderr is not None
    while "evaluations/s" not in line:
        line = process.stdout.readline()
        assert line, process.stderr.read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "interrupted; this is the best so far" in err
    assert "best found" in out and "lower bound" in out
