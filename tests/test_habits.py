"""Habits that keep the code readable, counted: what the count is today may only fall."""

import ast
import re
from collections import defaultdict

from tools import code_counts
from tools.code_counts import PACKAGES, ROOT, nodes, where

LONGEST_FILE, LARGEST_SHARE, MOST_ANY, FIELDS = 320, 0.12, 10, 6


def test_no_file_is_two_ideas_long():
    folders = (*PACKAGES, "tests", "benchmarks", "examples", "docs", "tools")
    lengths = {path: len(path.read_text().splitlines()) for name in folders for path in (ROOT / name).rglob("*.py")}
    assert {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > LONGEST_FILE} == {}


def test_no_package_holds_more_than_an_eighth_of_the_code():
    shares = code_counts.shares()
    assert {name: share for name, share in shares.items() if share > LARGEST_SHARE} == {}


def test_lines_are_laid_out_by_the_formatter_alone():
    assert code_counts.hand_formatted() == []


def test_no_call_has_eight_positional_arguments():
    assert code_counts.long_positional_calls() == []


def of_six_fields(kinds):
    """(file, class) of every class of six or more fields whose bases or decorators are of these ``kinds``."""
    for path, node in nodes(ast.ClassDef):
        made_by = [ast.unparse(base) for base in (*node.bases, *node.decorator_list)]
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        if len(fields) >= FIELDS and any(word.partition("(")[0].endswith(kinds) for word in made_by):
            yield path, node


def test_structs_of_six_fields_are_built_by_name():
    positional = [
        where(path, node)
        for path, node in of_six_fields(("Struct", "Message", "dataclass"))
        if "kw_only" not in {word.arg for word in node.keywords}
        and not any("kw_only" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert positional == []


def test_tuples_of_six_fields_are_built_by_name():
    names = {node.name for _, node in of_six_fields(("NamedTuple",))}
    calls = [
        (path, node) for path, node in nodes(ast.Call) if isinstance(node.func, ast.Name) and node.func.id in names
    ]
    assert calls and [where(path, node) for path, node in calls if node.args] == []


def test_a_class_name_means_one_thing():
    assert code_counts.homonyms() == {}


def assignments(node):
    """The (target, value) pairs of a statement of a module, tuples taken apart; of ``range(...)`` by position."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    for target in node.targets if isinstance(node, ast.Assign) else ():
        values = getattr(node.value, "elts", None)
        if not isinstance(target, ast.Tuple):
            yield target, node.value
        elif values is not None:
            yield from zip(target.elts, values, strict=True)
        else:
            yield from ((part, ast.Constant(place)) for place, part in enumerate(target.elts))


def test_a_public_constant_has_one_value():
    values = defaultdict(set)
    for text in code_counts.sources().values():
        for target, value in (pair for node in ast.parse(text).body for pair in assignments(node)):
            if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_"):
                values[target.id].add(ast.unparse(value))
    assert {name: found for name, found in values.items() if len(found) > 1} == {}


SCRIPTS = ("tools", "benchmarks")
OF_ITS_MODULE = ("__name__", "__file__", "TypeVar(")


def value_of(node):
    """What an expression of literals comes to, and the text of any other; numbers alike are alike (1e6, 10**6)."""
    text = ast.unparse(node)
    try:
        value = eval(text, {"__builtins__": {}})
    except (NameError, TypeError):
        return text
    return value if isinstance(value, int | float | str | bytes) else text


def constants(folders):
    """(name without the underscore of what is private, value, file) of every constant of a module."""
    for path in (path for name in folders for path in sorted((ROOT / name).rglob("*.py"))):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for target, value in assignments(node):
                if isinstance(target, ast.Name) and target.id.isupper():
                    yield target.id.lstrip("_"), value_of(value), str(path.relative_to(ROOT))


def test_a_constant_is_defined_once_and_imported_by_all_others():
    homes = defaultdict(list)
    for name, value, path in constants((*PACKAGES, *SCRIPTS)):
        if not (isinstance(value, str) and any(word in value for word in OF_ITS_MODULE)):
            homes[name, value].append(path)
    assert {name: paths for (name, _), paths in homes.items() if len(set(paths)) > 1} == {}


def test_types_are_named_outside_compiled_code():
    assert len(code_counts.untyped()) <= MOST_ANY, code_counts.untyped()


def test_the_architecture_tells_the_counts_as_they_are():
    """Each count of its table is what is measured, or more: what it was when somebody looked last may only fall."""
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    told = {name: float(now) for name, now in re.findall(r"^\| (.+?) \| [^|]* \| ([\d.]+) \|$", page, re.M)}
    counts = {name: count() for name, count in code_counts.COUNTS.items()}
    assert told.keys() == counts.keys()
    assert {name: (told[name], count) for name, count in counts.items() if count > told[name]} == {}
