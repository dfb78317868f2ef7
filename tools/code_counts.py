"""What is counted of the code, so that it stays readable: ``python -m tools.code_counts`` prints the table.

Each count is a list of places, which `tests/test_habits.py` and `tests/test_dependency_rules.py` hold empty or short.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

from tests.dependency_rules import read_sources, violations_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("testbed", "ue_agent", "edge_server", "controller")
MOST_POSITIONAL = 7
COMPILED = re.compile(r"@njit|@entry\(|\bnjit\(")
# They fill and read the arrays of records of compiled code, whose fields numpy's types do not tell.
WITH_RECORDS = ("boundaries", "build", "repeat", "rows", "run", "state", "twin")
BESIDE_COMPILED = {f"testbed/twin/{name}.py" for name in WITH_RECORDS}
N = TypeVar("N", bound=ast.AST)
_ANY = re.compile(r"(?:: |-> )Any\b")
_WAY = re.compile(r"^(local|offloaded|forwarded) +(\d+)  (Task .*)$", re.MULTILINE)


@cache
def sources() -> dict[str, str]:
    """The text of every module that is installed, by its path in the repository."""
    files = (path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}


def nodes(kind: type[N]) -> Iterator[tuple[str, N]]:
    """Every (path, node) of a ``kind`` of syntax."""
    for path, text in sources().items():
        yield from ((path, node) for node in ast.walk(ast.parse(text)) if isinstance(node, kind))


def where(path: str, node: ast.AST) -> str:
    """``path:line`` of a node."""
    return f"{path}:{getattr(node, 'lineno', 0)}"


def shares() -> dict[str, float]:
    """Each package's share of all lines."""
    lines: defaultdict[str, int] = defaultdict(int)
    for path, text in sources().items():
        lines["/".join(Path(path).parts[:2])] += len(text.splitlines())
    return {name: count / sum(lines.values()) for name, count in lines.items()}


def circles() -> list[str]:
    """Files that reach themselves through imports, lazy ones included."""
    return [line for line in violations_of(read_sources()) if "in a circle" in line]


def string_imports() -> list[str]:
    """Imports of a module that a string names."""
    return [where(path, node) for path, node in nodes(ast.Call) if ast.unparse(node.func).endswith("import_module")]


def hand_formatted() -> list[str]:
    """Lines that keep the formatter off."""
    marks = ("fmt: " + "skip", "fmt: " + "off")
    lines = ((path, n, line) for path, text in sources().items() for n, line in enumerate(text.splitlines(), 1))
    return [f"{path}:{n}" for path, n, line in lines if any(mark in line for mark in marks)]


def long_positional_calls() -> list[str]:
    """Calls with more than `MOST_POSITIONAL` positional arguments."""
    return [where(path, node) for path, node in nodes(ast.Call) if len(node.args) > MOST_POSITIONAL]


def untyped() -> list[str]:
    """Parameters, results and variables of type ``Any``, outside of compiled code and what fills its arrays."""
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        for path, text in sources().items()
        if not COMPILED.search(text) and path not in BESIDE_COMPILED
        for match in _ANY.finditer(text)
    ]


def homonyms() -> dict[str, list[str]]:
    """Public class names that mean two things, each with its places."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, node in nodes(ast.ClassDef):
        if not node.name.startswith("_"):
            homes[node.name].append(where(path, node))
    return {name: places for name, places in homes.items() if len(places) > 1}


def ways() -> dict[str, tuple[int, list[str]]]:
    """The ways of a task that ARCHITECTURE.md tells: the count it gives, and the shapes in order, by kind of task."""
    lines = _WAY.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    return {kind: (int(count), re.split(r" [─▶] ", way)) for kind, count, way in lines}


COUNTS: dict[str, Callable[[], float]] = {
    "largest package's share of lines, %": lambda: round(100 * max(shares().values()), 1),
    "files that import themselves in a circle": lambda: len(circles()),
    "imports by a string": lambda: len(string_imports()),
    "lines with `fmt: skip`": lambda: len(hand_formatted()),
    "calls with eight or more positional arguments": lambda: len(long_positional_calls()),
    "`: Any` outside of compiled code": lambda: len(untyped()),
    "class names with two meanings": lambda: len(homonyms()),
    "shapes that a task takes on its way, at most": lambda: max(count for count, _ in ways().values()),
}


def main() -> None:
    """Print each count as it is."""
    for name, count in COUNTS.items():
        print(f"{name:<50}{count():g}")


if __name__ == "__main__":
    main()
