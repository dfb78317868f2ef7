"""What the command line says of itself: help, the list of what there is, what a verb refuses before it works."""

import json
import shlex

import pytest

from testbed.cli.examples import EXAMPLES
from testbed.cli.main import main
from testbed.cli.parser import parser_for
from testbed.cli.verbs import VERBS
from tests.command import call, document


def test_testbed_alone_explains_itself_and_where_to_begin(tmp_path):
    alone = call(cwd=tmp_path)
    assert alone.stderr == "" and "first steps" in alone.stdout and "testbed run smoke" in alone.stdout
    assert call("help", cwd=tmp_path).stdout == call("--help", cwd=tmp_path).stdout == alone.stdout


def test_help_explains_a_verb(tmp_path):
    assert call("help", "run", cwd=tmp_path).stdout == call("run", "--help", cwd=tmp_path).stdout


def test_list_without_runs_says_how_to_begin(tmp_path):
    output = call("list", cwd=tmp_path).stdout
    assert "there are none below runs/ yet" in output and "greedy" in output and "weakest edge server" in output
    assert document("list", "runs", cwd=tmp_path) == {"runs": []}


def test_list_names_scenarios_policies_and_runs(tmp_path):
    run = document("run", "smoke", "--backend", "sim", "--policy", "lc", "--out", "runs/first", cwd=tmp_path)
    folder = tmp_path / "checkpoints" / "my town"
    folder.mkdir(parents=True)
    (folder / "priced-do.json").write_text('{"policy": "priced", "beta": 0.1, "beta0": 0}')
    content = document("list", cwd=tmp_path)
    assert {"region", "smoke", "paper-like"} <= {row["scenario"] for row in content["scenarios"]}
    assert next(row for row in content["scenarios"] if row["scenario"] == "smoke")["ues"] == 2
    usable = {row["policy"]: row["usable"] for row in content["policies"]}
    assert usable["greedy-do"] == ["greedy-do"] and usable["priced"] == []
    assert usable["priced-do"] == ["priced-do:checkpoints/my town/priced-do.json"]
    [listed] = content["runs"]
    assert (listed["run"], listed["scenario"], listed["policy"], listed["slots"], listed["state"]) == (
        run["run"],
        "smoke",
        "lc",
        8,
        "drained",
    )
    assert "--policy 'priced-do:checkpoints/my town/priced-do.json'" in call("list", "policies", cwd=tmp_path).stdout
    again = document("run", "smoke", "--backend", "sim", "--policy", usable["priced-do"][0], cwd=tmp_path)
    assert again["tasks"]["unaccounted"] == 0


@pytest.mark.parametrize("out", [".", "no/folder/here.csv", "x" * 300])
def test_bound_refuses_a_file_that_cannot_be_written_before_it_searches(tmp_path, out):
    result = call("bound", "region", "--evaluations", "100000000", "--out", out, cwd=tmp_path, code=3)
    assert "cannot be written" in result.stderr and "--out FILE" in result.stderr and result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_can_be_written_is_not_touched_before(tmp_path):
    (tmp_path / "old.csv").write_text("precious")
    result = call("bound", "regoin", "--out", "old.csv", cwd=tmp_path, code=2)
    assert "regoin" in result.stderr and (tmp_path / "old.csv").read_text() == "precious"


def test_json_of_list_is_one_document(tmp_path):
    assert list(json.loads(call("list", "scenarios", "--json", cwd=tmp_path).stdout)) == ["scenarios"]


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["run", "--for", "-.5 s"], "--for"),
        (["rnu"], 'did you mean "run"?'),
        (["help", "chek"], 'did you mean "check"?'),
        (["tune", "region", "--policy", "a3c-do"], "`testbed train region --algorithm a3c-do`"),
        (["tune", "region", "--policy", "prized"], 'did you mean "priced"?'),
        (["tune", "region", "--updates", "3"], "unrecognized arguments: --updates 3"),
        (["train", "my town.yaml", "--algorithm", "coin"], "`testbed tune 'my town.yaml' --policy coin`"),
        (["train", "region", "--algorithm", "a4c"], 'did you mean "a3c"?'),
        (["run", "--slot", "3"], 'did you mean "--slots"?'),
        (["list", "scenario"], "scenarios"),
        (["compare", "region", "--sweep", "densty=0.3..0.9:2"], '--sweep densty:1:1: unknown field "densty"'),
        (["compare", "region", "--sweep", "slots=10..11:3"], '--sweep slots:1:7: "10.5" is not a whole number'),
        (["compare", "region", "--set", "density=2", "--sweep", "slots=10..11:2"], "--set density:1:9"),
        (["bound", "smoke", "--out", ""], '--out ""'),
    ],
)
def test_a_mistake_is_told_in_the_name_of_what_was_written(tmp_path, args, output):
    result = call(*args, cwd=tmp_path, code=2)
    assert output in result.stderr and result.stdout == ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_ends_with_examples_that_its_parser_understands(verb, capsys):
    """Each alone, in lines that a terminal of 80 columns does not break; what they do is tested as the reference's."""
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    _, head, tail = capsys.readouterr().out.partition("\nexamples:\n")
    lines = tail.splitlines()
    assert head and 2 <= len(lines) <= 4 and max(map(len, lines)) < 80
    assert len(lines) == len(EXAMPLES[verb])
    for command, line in zip(EXAMPLES[verb], lines, strict=True):
        program, *words = shlex.split(command)
        assert line.strip().startswith(command) and (program, words[0]) == ("testbed", verb)
        assert parser_for(verb)[0].parse_args(words).verb == verb
