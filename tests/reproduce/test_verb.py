"""The verb, with trainings so short that they teach nothing: what is written, repeated, gone on with, refused."""

import json

import pytest

from testbed.cli.main import main
from testbed.reproduce import pool, reproduction, store, work
from testbed.reproduce.studies import LC, OUR_REGION
from testbed.reproduce.units import LIVE, Unit
from tests.reproduce.made import TINY


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """The quick form is tiny, and works in this process: what is at hand is compiled already."""
    monkeypatch.setattr(reproduction, "QUICK", TINY)
    monkeypatch.chdir(tmp_path)

    def here(units, effort, folder, workers, stopped):
        for unit in units:
            if stopped():
                return
            store.write(folder, unit, effort, work.carry_out(unit, effort, folder))
            yield unit

    monkeypatch.setattr(pool, "_done", here)


def test_a_claim_is_judged_and_repeated_byte_for_byte(tmp_path, capsys):
    for name in ("one", "two"):
        assert main(["reproduce", "5", "--quick", "--plain", "--out", name]) == 0
    output = capsys.readouterr().out
    assert "one/reproduce.html" in output and "5 self-adjustment" in output
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "figures").iterdir()} for name in ("one", "two")
    )
    assert first == second and {path.split(".")[-1] for path in first} == {"svg", "pdf", "csv"}
    verdicts = [(tmp_path / name / "verdicts.json").read_text() for name in ("one", "two")]
    assert verdicts[0] == verdicts[1]
    data = json.loads(verdicts[0])
    assert [claim["number"] for claim in data["claims"]] == [5]
    assert data["command"] == "testbed reproduce 5 --quick"


def test_an_interrupted_one_goes_on(tmp_path, monkeypatch, capsys):
    carry_out = work.carry_out
    done: list[Unit] = []

    def interrupted(unit, effort, folder):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(unit)
        return carry_out(unit, effort, folder)

    monkeypatch.setattr(work, "carry_out", interrupted)
    assert main(["reproduce", "7", "--quick", "--plain", "--out", "study"]) == 130

    def noted(unit, effort, folder):
        done.append(unit)
        return carry_out(unit, effort, folder)

    monkeypatch.setattr(work, "carry_out", noted)
    capsys.readouterr()
    assert main(["reproduce", "7", "--quick", "--json", "--out", "study"]) == 0
    assert len(done) == len(set(done)) == 2 * TINY.seeds
    captured = capsys.readouterr()
    assert "going on, 2 of 4 units are there" in captured.err
    assert json.loads(captured.out)["claims"][0]["number"] == 7


def test_claims_are_listed(capsys):
    assert main(["reproduce", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8
    assert main(["reproduce", "3", "--list", "--json"]) == 0
    assert [one["claim"] for one in json.loads(capsys.readouterr().out)["claims"]] == [3]


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["9"], 'there is no claim "9"'),
        (["one"], 'there is no claim "one"'),
        (["--seeds", "1"], "one seed has no interval"),
        (["--list", "--quick"], "--list does none"),
    ],
)
def test_what_means_nothing_is_refused(arguments, output, capsys):
    assert main(["reproduce", *arguments]) == 2
    assert output in capsys.readouterr().err


def test_runs_on_processes_stand_beside_the_twin(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "TESTBED", "twin")  # no process is needed to see what is made of a run
    unit = Unit(kind=LIVE, study=OUR_REGION.name, strategy=LC, density=0.9, seed=2)
    for _ in range(2):  # what an interrupted one left is no obstacle
        result = work.carry_out(unit, TINY, tmp_path)
    assert result["grade"] == "exact" and result["testbed"] == pytest.approx(result["twin"])
