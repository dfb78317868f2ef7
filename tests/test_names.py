"""Names that say what they hold: nouns, and the field's own words, in the product and its benchmarks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRONOUNS = {"found", "made", "mine", "given", "told", "said", "kept"}
NAMED = (
    "controller",
    "benchmarks",
    "testbed/compose",
    "testbed/experiments",
    "testbed/gym",
    "testbed/hindsight",
    "testbed/hosts",
    "testbed/node",
    "testbed/record",
    "testbed/report",
    "testbed/reproduce",
    "testbed/verify",
    "testbed/watch",
    "testbed/policy/arrays.py",
    "testbed/policy/joint.py",
    "testbed/policy/checkpoint.py",
    "testbed/policy/network.py",
    "testbed/policy/own.py",
    "testbed/policy/q_network.py",
    "testbed/policy/recurrent_memory.py",
    *(
        f"testbed/scenario/{name}.py"
        for name in ("checks", "excerpt", "idle", "parse", "resolve", "units", "window", "workload")
    ),
    *(
        f"testbed/trace/{name}.py"
        for name in ("azure", "convert", "eua", "fit", "google", "imported", "inputs", "mapped")
    ),
    "tests/compose",
    "tests/controller",
    "tests/experiments",
    "tests/hindsight",
    "tests/hosts",
    "tests/learn",
    "tests/model",
    "tests/online",
    "tests/packaging",
    "tests/protocol",
    "tests/reproduce",
    "tests/tools",
    "tests/watch",
)
COMPILED = "acting.py"
FIELDS = 6


def files(*names):
    for name in names:
        path = ROOT / name
        yield from [path] if path.suffix else sorted(path.rglob("*.py"))


def trees(*names):
    for path in files(*names):
        yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    """Names that others chose: hypothesis has a ``given`` of its own."""
    aliases = (alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names)
    return {alias.asname or alias.name for alias in aliases}


def fields_of(tree):
    """The fields of structs: their names are those of documents, which stay."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {id(one.target) for node in classes for one in node.body if isinstance(one, ast.AnnAssign)}


@pytest.mark.parametrize("name", NAMED)
def test_variables_and_parameters_are_nouns(name):
    names = [
        (str(path), node.lineno, node.id if isinstance(node, ast.Name) else node.arg)
        for path, tree in trees(name)
        for fields, theirs in ((fields_of(tree), imported(tree)),)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.arg) and id(node) not in fields
        if getattr(node, "id", "") not in theirs
    ]
    assert names and [place for place in names if place[2] in PRONOUNS] == []


def test_the_learners_types_are_named_outside_of_compiled_code():
    counts = {
        path.name: len(re.findall(r"(?:: |-> |, )Any\b", path.read_text(encoding="utf-8")))
        for path in files("controller")
        if path.name != COMPILED
    }
    assert {name: count for name, count in counts.items() if count} == {}


def test_what_benchmarks_keep_in_structs_of_six_fields_is_built_by_name():
    positional = [
        f"{path}:{node.lineno}"
        for path, tree in trees("benchmarks")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and sum(isinstance(one, ast.AnnAssign) for one in node.body) >= FIELDS
        and not any(word.arg == "kw_only" for word in node.keywords)
    ]
    assert positional == []
