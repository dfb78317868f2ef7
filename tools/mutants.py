"""Mutants of a module: its source changed in one place each, and put into the functions of a process that runs (pure).

A mutant is known by its file, its function, and what was changed into what; the number tells equal changes apart.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

import msgspec

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
}
CALLED = {"max": "min", "min": "max", "any": "all", "all": "any"}


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one function; ``code`` is what the function then is."""

    file: str
    function: str
    before: str
    after: str
    number: int
    code: CodeType

    @property
    def key(self) -> str:
        """What it is known by, whatever else changes in the file."""
        again = f" ({self.number + 1})" if self.number else ""
        return f"{self.file} {self.function}: {self.before} -> {self.after}{again}"


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Every mutant of the functions in ``source``."""
    tree = ast.parse(source)
    seen: Counter[tuple[str, str, str]] = Counter()
    for path, function in _functions(tree):
        for place, node in enumerate(ast.walk(function)):
            for changed in _changes(node):
                before, after = _text(node), _text(changed)
                number = seen[path, before, after]
                seen[path, before, after] += 1
                code = _compiled(tree, function, place, changed, path)
                yield Mutant(file=file, function=path, before=before, after=after, number=number, code=code)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{one.name}", one) for one in node.body if isinstance(one, ast.FunctionDef))


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What ``node`` may become: the other comparison, sign or operator, one more, or nothing at all."""
    match node:
        case ast.Compare(ops=[operator], left=left, comparators=comparators) if type(operator) in COMPARED:
            yield ast.Compare(left, [COMPARED[type(operator)]()], comparators)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in COMPUTED:
            yield ast.BinOp(left, COMPUTED[type(operator)](), right)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in CALLED:
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), args, keywords)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.IfExp(body=body, orelse=other):
            yield from (body, other)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _compiled(tree: ast.Module, function: ast.FunctionDef, place: int, by: ast.AST, path: str) -> CodeType:
    """The code of ``function`` with its node number ``place`` replaced."""
    changed = copy.deepcopy(tree)
    (mutated,) = (one for name, one in _functions(changed) if name == path and one.lineno == function.lineno)
    old = list(ast.walk(mutated))[place]
    _Replace(old, by).visit(mutated)
    whole = compile(ast.fix_missing_locations(changed), f"<{path}>", "exec")
    (found,) = (
        code for code in _codes(whole) if code.co_qualname == path and code.co_firstlineno == _first_line(mutated)
    )
    return found


def _first_line(function: ast.FunctionDef) -> int:
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, by: ast.AST) -> None:
        self._old, self._by = old, by

    def visit(self, node: ast.AST) -> ast.AST:
        """See `ast.NodeTransformer`."""
        return ast.copy_location(self._by, node) if node is self._old else self.generic_visit(node)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def put_in(module: ModuleType, mutant: Mutant) -> bool:
    """Let the function of ``module`` be the mutant from now on, whoever has it; False if that cannot be."""
    found: object = module
    for name in mutant.function.split("."):
        found = vars(found).get(name) if isinstance(found, type) else getattr(found, name, None)
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    if not isinstance(found, FunctionType) or found.__code__.co_freevars != mutant.code.co_freevars:
        return False
    found.__code__ = mutant.code
    return True
