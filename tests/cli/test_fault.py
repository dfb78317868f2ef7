"""What `testbed fault` refuses before it asks anybody; what it does to a run is in tests/chaos/test_requests.py."""

import contextlib
import shutil

import pytest

from testbed.cli.main import main
from testbed.record import reader


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run of a virtual clock."""
    found = tmp_path_factory.mktemp("runs")
    assert main(["run", "smoke", "--backend", "sim", "--slots", "4", "--out", str(found / "r")]) == 0
    return found


def test_a_run_that_was_not_named_is_missed_and_those_that_go_on_are_named(folder, monkeypatch, capsys):
    (folder / "runs").mkdir()
    for name in ("over", "going"):
        shutil.copytree(folder / "r", folder / "runs" / name)
    monkeypatch.chdir(folder)
    for going, said in ((True, "these go on: going"), (False, "none goes on below runs")):
        monkeypatch.setattr(reader, "is_running", lambda _, record, so=going: so and record.parent.name == "going")
        with pytest.raises(SystemExit):
            main(["fault", "kill", "es-1"])
        assert f'argument RUN: missing before "kill": {said}\n' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kill", "es-1"), "r has no processes: it was played by a virtual clock"),
        (("restart", "es-1", "--for", "2s"), "a time is for what can be undone"),
        (("pause", "es-1", "--for", "soon"), "for soon"),
        (("pause", "es-1", "--for", "0s"), "write a time, like 2 s"),
        (("pause", "es-1", "--for", "-2s"), "write a time, like 2 s"),
        (("pause", "es-1", "--for", "1e30s"), "for 1e30s"),
        (("tickle", "es-1"), "invalid choice"),
        (("kill", "es-1", "es-2"), "one process at a time"),
        (("slow", "es-1"), '"es-1" slows nothing'),
        (("slow", "es-1", "to", "200%"), "is out of range"),
        (("degrade", "ue-1-1", "to", "loss", "200%"), "is out of range"),
        (("cut", "ue-1-1:es-1", "for", "soon"), "for soon"),
        (("cut", "ue-1-1:es-1", "for", "2", "s", "--for", "3s"), "two times"),
        (("slow", "es-2", "to", "50%", "for"), "slow es-2 to 50% for: for what time?"),
        (("slow", "es-2", "to", "50"), "write 50%"),
        (("lift", "es-1", "--for", "3s"), "a time is for what can be undone"),
        (("overload", "cell", "1", "x", "3", "for", "2", "s"), "r has no processes"),
    ],
)
def test_what_cannot_be_broken_is_refused(folder, words, said, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    with contextlib.suppress(SystemExit):  # the parser ends by itself what it does not understand
        assert main(["fault", "r", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "r" / "faults.jsonl").exists()
