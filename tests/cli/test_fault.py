"""What `testbed fault` refuses before it asks anybody; what it does to a run is in tests/chaos/test_requests.py."""

import contextlib

import pytest

from testbed.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run of a virtual clock."""
    found = tmp_path_factory.mktemp("runs")
    assert main(["run", "smoke", "--backend", "sim", "--slots", "4", "--out", str(found / "r")]) == 0
    return found


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
