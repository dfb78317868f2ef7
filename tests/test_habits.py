"""Habits that keep the code readable, counted: what the count is today may only fall."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("testbed", "ue_agent", "edge_server", "controller")
LONGEST_FILE, LARGEST_SHARE, MOST_ANY, MOST_POSITIONAL, FIELDS = 320, 0.12, 10, 7, 6
COMPILED = ("testbed/twin/", "controller/learn/", "testbed/hindsight/", "testbed/record/cells.py")


def sources():
    return {path: path.read_text(encoding="utf-8") for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))}


def where(path, node):
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def nodes(kind):
    for path, text in sources().items():
        yield from ((path, node) for node in ast.walk(ast.parse(text)) if isinstance(node, kind))


def test_no_file_is_two_ideas_long():
    folders = (*PACKAGES, "tests", "benchmarks", "examples", "docs", "tools")
    lengths = {path: len(path.read_text().splitlines()) for name in folders for path in (ROOT / name).rglob("*.py")}
    assert {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > LONGEST_FILE} == {}


def test_no_package_holds_more_than_an_eighth_of_the_code():
    lines: defaultdict[str, int] = defaultdict(int)
    for path, text in sources().items():
        lines["/".join(path.relative_to(ROOT).parts[:2])] += len(text.splitlines())
    largest = max(lines, key=lambda name: lines[name])
    assert lines[largest] / sum(lines.values()) <= LARGEST_SHARE, largest


def test_lines_are_laid_out_by_the_formatter_alone():
    skip = "fmt: " + "skip"
    assert [str(path) for path, text in sources().items() if skip in text or "fmt: " + "off" in text] == []


def test_no_call_has_eight_positional_arguments():
    assert [where(path, node) for path, node in nodes(ast.Call) if len(node.args) > MOST_POSITIONAL] == []


def test_structs_of_six_fields_are_built_by_name():
    found = []
    for path, node in nodes(ast.ClassDef):
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        is_struct = any(ast.unparse(base).endswith("Struct") for base in node.bases)
        if is_struct and len(fields) >= FIELDS and not any(word.arg == "kw_only" for word in node.keywords):
            found.append(where(path, node))
    assert found == []


def test_a_class_name_means_one_thing():
    homes = defaultdict(list)
    for path, node in nodes(ast.ClassDef):
        if not node.name.startswith("_"):
            homes[node.name].append(where(path, node))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


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
    for text in sources().values():
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
    pattern = re.compile(r"(?:: |-> )Any\b")
    counts = {
        str(path.relative_to(ROOT)): len(pattern.findall(text))
        for path, text in sources().items()
        if not str(path.relative_to(ROOT)).startswith(COMPILED)
    }
    assert sum(counts.values()) <= MOST_ANY, {name: count for name, count in counts.items() if count}
