"""The twin as a clock of the command line: it records what the simulation records, and refuses what it cannot do."""

import sqlite3

import pytest

from tests.command import call, document


def test_the_twin_is_a_clock_of_run_compare_and_replay(tmp_path):
    result = {
        name: document("run", "region", "--slots", "8", "--backend", name, cwd=tmp_path) for name in ("sim", "twin")
    }
    messages = {name: {**one, "run": "", "backend": ""} for name, one in result.items()}
    assert messages["sim"] == messages["twin"] and result["twin"]["backend"] == "twin"
    with sqlite3.connect(tmp_path / "runs" / result["twin"]["run"] / "run.db") as db:
        assert db.execute("SELECT count(*) FROM tasks").fetchone()[0] == result["sim"]["tasks"]["generated"]
    asked = ("compare", "region", "--slots", "8", "--seeds", "2", "--policies", "lc,greedy-do")
    assert document(*asked, "--on", "twin", cwd=tmp_path) == document(*asked, "--on", "sim", cwd=tmp_path)


FAULT = "--set", "faults=[{at: 2 s, kill: es-1}]"
SEVERAL = (
    "--set",
    "faults=[{at: 0 s, slow: es-2 to 50%}, {at: 1 s, for: 1 s, pause: ue-1-1}, {at: 2 s, kill: es-1}, "
    "{at: 3 s, for: 1 s, cut: es-2:es-3}]",
)


@pytest.mark.parametrize(
    "asked", [("run", "region", "--backend", "twin"), ("compare", "region", "--on", "twin", "--policies", "lc")]
)
@pytest.mark.parametrize(
    ("change", "output"),
    [
        (FAULT, "the twin does not support deaths; the first is kill es-1 at 2 s"),
        (SEVERAL, "the twin does not support cuts and deaths and pauses; the first is pause ue-1-1 at 1 s"),
        (("--set", "agent.epoch=arrival"), "the twin does not support it"),
    ],
)
def test_what_the_twin_cannot_express_is_refused_before_anything_is_written(tmp_path, asked, change, output):
    result = call(*asked, "--slots", "8", *change, cwd=tmp_path, code=2)
    assert output in result.stderr
    assert ("--backend sim" if change[1].startswith("faults") else "sim and testbed support") in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_user_s_own_policy_decides_on_the_twin_as_in_the_simulation(tmp_path):
    text = "def decide(cell, rng):\n    return {ue.name: int(rng.random() < 0.4) for ue in cell.ues}\n"
    (tmp_path / "mine.py").write_text(text)
    asked = ("run", "region", "--slots", "6", "--policy", "mine:decide", "--backend")
    one, two = (document(*asked, name, cwd=tmp_path) for name in ("sim", "twin"))
    assert one["overhead"] == two["overhead"] and one["tasks"] == two["tasks"] and two["tasks"]["fallback"] == 0
