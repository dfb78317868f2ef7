"""Policies have short names in tables; their checkpoints are listed once."""

from collections.abc import Hashable

from testbed.analysis.comparison import Sample, compare
from testbed.cli.comparison_text import text
from testbed.cli.labels import checkpoints, labels
from tests.command import call, document


def test_a_checkpoint_is_left_out_and_two_of_a_policy_are_numbered():
    names = ["lc", "priced-do:a/b.json", "a3c-do:x.npz", "a3c-do:y.npz", "mine:decide"]
    result = labels(names)
    assert list(result.values()) == ["lc", "priced-do", "a3c-do (1)", "a3c-do (2)", "mine:decide"]
    assert checkpoints(result).splitlines() == [
        "checkpoints",
        "  priced-do: a/b.json",
        "  a3c-do (1): x.npz",
        "  a3c-do (2): y.npz",
    ]
    assert checkpoints(labels(["lc", "mine:decide"])) == ""


def test_a_comparison_names_each_checkpoint_once():
    own: dict[Hashable, Sample] = {
        n: Sample(overhead=1.0 + n, delay_s=1.0, energy_j=1.0, deadline_hit_rate=1.0, stable=True) for n in range(3)
    }
    shown = text(compare({"lc": own, "priced-do:some/where.json": own}))
    assert shown.count("some/where.json") == 1 and "lc's overhead is 1.000 × priced-do's" in shown


def test_a_run_and_its_json(tmp_path):
    (tmp_path / "p.json").write_text('{"policy": "priced", "beta": 0.1, "beta0": 0}')
    words = ("run", "smoke", "--backend", "sim", "--policy", "priced-do:p.json")
    output = call(*words, cwd=tmp_path).stdout
    assert ": priced-do on smoke" in output and output.count("p.json") == 1 and "backend sim" in output
    assert document(*words, cwd=tmp_path)["policy"] == "priced-do:p.json"
    bound = call("bound", "smoke", "--evaluations", "300", "--policies", "priced-do:p.json", cwd=tmp_path).stdout
    assert "checkpoints\n  priced-do: p.json" in bound
