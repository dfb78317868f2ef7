"""The rules of dependencies between modules, checked on source text, lazy imports included: nothing heavy is imported.

The layers are those of the picture in ARCHITECTURE.md.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("testbed", "ue_agent", "edge_server", "controller")
ROLES = ("ue_agent", "edge_server", "controller")
SHELLS = ("ue_agent.__main__", "edge_server.__main__")
DATA = (
    "testbed",
    "testbed.scenarios",
    "testbed.networks",
)  # the package itself offers the interface of experiments, lazily
PURE = (
    "testbed.model",
    "testbed.protocol",
    "testbed.twin",
    "testbed.sim",
    "testbed.analysis",
    "ue_agent",
    "edge_server",
    "controller.server",
    "controller.gather",
    "controller.notices",
    *(f"testbed.reproduce.{name}" for name in ("units", "results", "judgement", "claims", "density_claims", "figures")),
)
PURE_SCENARIO = ("schema", "units", "source", "fields", "parse", "checks", "resolve", "threshold")
PRINTERS = ("testbed.cli.console", "testbed.__main__")
HEAVY = {"torch", "numpy", "numba", "scipy"}
LEARNERS = ("controller.learn", "controller.online")
OUTSIDE = {
    "asyncio",
    "ctypes",
    "datetime",
    "http",
    "mmap",
    "multiprocessing",
    "os",
    "psutil",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
    "zmq",
}
FILES = {"io", "pathlib", "open()"}
MODEL_MAY = {"msgspec"}
KEYED = {("random", "Random")}
STRINGS = ("testbed.node.zygote", "testbed.policy.own")


@cache
def layers() -> dict[str, float]:
    """The picture in ARCHITECTURE.md: package → layer; the roles stand between two layers."""
    picture = re.search(r"```(?:text)?\n(layer .*?)```", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.S)
    assert picture is not None, "ARCHITECTURE.md has no picture of the layers"
    items: dict[str, float] = {}
    for line in picture[1].splitlines():
        head = re.match(r"(layer (\d+)|roles) +(\S.*?)(?:   |$)", line)
        if head is not None:
            level = float(head[2]) if head[2] else ROLE_LAYER
            for name in head[3].split(" · "):
                items[name if name in ROLES else f"testbed.{name}"] = level
    return items


ROLE_LAYER = 3.5


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Every import in ``source`` as (module, attribute or ""), lazy ones too; calls of ``open`` and ``print`` count."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print"):
            yield f"{node.func.id}()", ""
        elif isinstance(node, ast.Attribute) and node.attr == "import_module":
            yield "import_module", ""
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def eager(source: str) -> Iterator[tuple[str, str]]:
    """As `imports`, without what is imported inside functions or for type checkers only."""
    tree = ast.parse(source)
    tree.body = [
        node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
    ]
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    yield from imports(ast.unparse(tree))


def is_in(module: str, package: str) -> bool:
    """Whether ``module`` is ``package`` or lies in it."""
    return module == package or module.startswith(package + ".")


def home(module: str) -> str:
    """The package of the picture that a module belongs to; the module itself if none."""
    return next((package for package in sorted(layers(), key=len, reverse=True) if is_in(module, package)), module)


def layer(module: str) -> float | None:
    """The layer of a module; None for what stands outside the picture."""
    return layers().get(home(module))


def is_pure(module: str) -> bool:
    """Whether time, keys and events must reach a module as arguments only."""
    if module in SHELLS:
        return False
    return any(is_in(module, package) for package in PURE) or module in {f"testbed.scenario.{x}" for x in PURE_SCENARIO}


def targets(
    sources: Mapping[str, str], module: str, read: Callable[[str], Iterator[tuple[str, str]]] = imports
) -> set[str]:
    """The modules of this project that ``module`` imports."""
    names = set()
    for target, attribute in read(sources[module]):
        whole = f"{target}.{attribute}"
        if whole in sources or target in sources:
            names.add(whole if whole in sources else target)
    return names - {module}


def closure(sources: Mapping[str, str], start: str) -> set[str]:
    """Every module of this project that importing ``start`` loads, packages on the way included."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        module = todo.pop()
        if module in seen or module not in sources:
            continue
        seen.add(module)
        todo += targets(sources, module, eager)
        if "." in module:
            todo.append(module.rpartition(".")[0])
    return seen


def violations_of(sources: Mapping[str, str]) -> list[str]:
    """One sentence for every violation in ``sources``, which maps dotted module names to source text."""
    items = []
    for module in sources:
        items += [
            f"{module}: {why}" for why in [*_layer_violations(sources, module), *_purity_violations(sources, module)]
        ]
    for role in ("ue_agent", "edge_server"):
        for module in sorted(closure(sources, f"{role}.__main__")):
            heavy = HEAVY & {name.partition(".")[0] for name, _ in eager(sources[module])}
            items += [f"{module}: {role} must start without {name}" for name in sorted(heavy)]
    return items + _mutual_packages(sources) + _circles(sources)


def _layer_violations(sources: Mapping[str, str], module: str) -> Iterator[str]:
    own = layer(module)
    if own is None:
        if module not in DATA and module != "testbed.__main__":
            yield "stands in no layer"
        return
    if any(name.startswith(".") for name, _ in imports(sources[module])):
        yield "imports relatively"
    for target in sorted(targets(sources, module)):
        level = layer(target)
        if target.endswith(".__main__"):
            yield f"imports {target}: roles are started by module name"
        if level is None or home(target) == home(module):
            continue
        if level > own:
            yield f"imports {target}, which is above it"
        if own == ROLE_LAYER and level == ROLE_LAYER:
            yield f"imports {target}: roles meet on the wire only"
        if is_in(target, "testbed.twin") and own == ROLE_LAYER and not is_in(module, "controller"):
            yield f"imports {target}: only the controller sees the twin"
        if own > 4 and home(target) in ("ue_agent", "edge_server"):
            yield f"imports {target}: roles are started by module name"


def _purity_violations(sources: Mapping[str, str], module: str) -> Iterator[str]:
    for name, attribute in imports(sources[module]):
        top = name.partition(".")[0]
        if is_pure(module) and top in OUTSIDE and (name, attribute) not in KEYED:
            yield f"imports {name}, a part of the outside world"
        if is_pure(module) and name in FILES:
            yield f"uses {name}; cores touch no files"
        if name == "print()" and not any(is_in(module, package) for package in PRINTERS):
            yield "prints; only testbed.cli.console does"
        if top == "torch" and not any(is_in(module, package) for package in LEARNERS):
            yield "imports torch; only controller.learn and controller.online do"
        if "import_module" in (name, attribute) and module not in STRINGS:
            yield "imports by a string, which no checker can see"
        foreign = top not in sys.stdlib_module_names | MODEL_MAY | FILES | {"print()"}
        if is_in(module, "testbed.model") and not is_in(name, "testbed.model") and foreign:
            yield f"imports {name}; the model needs only msgspec"


def _mutual_packages(sources: Mapping[str, str]) -> list[str]:
    edges = {(home(a), home(b)) for a in sources for b in targets(sources, a)}
    return [f"{a}: and {b} import each other" for a, b in sorted(edges) if a < b and (b, a) in edges]


def _circles(sources: Mapping[str, str]) -> list[str]:
    """Files that reach themselves by imports."""
    graph = {module: targets(sources, module) for module in sources}
    reach: dict[str, set[str]] = {}

    def reached(module: str) -> set[str]:
        if module not in reach:
            reach[module], todo = set(), list(graph[module])
            while todo:
                result = todo.pop()
                if result not in reach[module]:
                    reach[module].add(result)
                    todo += graph[result]
        return reach[module]

    return [f"{module}: imports itself in a circle" for module in sorted(sources) if module in reached(module)]


def read_sources() -> dict[str, str]:
    """Source text by dotted name of everything that is installed."""
    sources = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return sources
