"""Make mutants of a module: copies of its syntax tree with one small fault each."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.mutation.areas import AREAS, PACKAGE

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min"}
# Calls whose texts are for people: their wording is not a rule.
_WORDING = {"ApiError", "_refusal", "InvalidBucketName"}


class Mutant(NamedTuple):
    """One faulty copy of a module. ``before`` and ``after`` are the source of the changed node."""

    module: str
    line: int
    before: str
    after: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before}  ->  {self.after}"


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of an area, in the order of its source. ``module`` is a path in the package."""
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    lines = _lines(tree, AREAS[module].functions)
    for number, node in enumerate(_nodes(tree)):
        if node.lineno not in lines:
            continue
        for change in _changes(node):
            mutated = copy.deepcopy(tree)
            twin = next(twin for place, twin in enumerate(_nodes(mutated)) if place == number)
            change(twin)
            ast.fix_missing_locations(mutated)
            yield Mutant(module, node.lineno, _shown(node), _shown(twin), mutated)


def _lines(tree: ast.Module, names: Sequence[str]) -> set[int]:
    """Return the lines of these functions and classes, or all lines if there are no names."""
    if not names:
        return set(range(1, (tree.body[-1].end_lineno or 0) + 1))
    kinds = (ast.FunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name in names]
    missing = set(names) - {node.name for node in found}
    if missing:
        raise LookupError(f"not in the module: {', '.join(sorted(missing))}")
    return {line for node in found for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else text[:99] + "…"


def _nodes(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Walk the expressions and statements that hold rules: no annotations, docstrings, texts or log lines."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        if name == "keywords" and isinstance(node, ast.ClassDef):
            continue  # options such as gc=False: no rule, and tests have imported the class before
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            if isinstance(child, (ast.expr, ast.stmt)):
                yield child
            yield from _nodes(child)


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        called = node.func
        if isinstance(called, ast.Name) and called.id in _WORDING:
            return True
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "log":
            return True
    return isinstance(node, ast.Expr) and _is_text(node.value)


def _changes(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    """Yield functions that put one fault into a copy of the node."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if other := _COMPARISONS.get(type(operator)):
                yield _setting("ops", place, other())
    elif isinstance(node, ast.BoolOp):
        yield _setting("op", None, ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield _setting("op", None, _OPERATORS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _becoming(ast.Call(ast.Name("bool", ast.Load()), [node.operand], []))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        yield _setting("func", None, ast.Name(_FUNCTIONS[node.func.id], ast.Load()))
    elif isinstance(node, ast.Constant):
        yield from (_setting("value", None, other) for other in _other_values(node.value))
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield _setting("test", None, ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
        yield _setting("value", None, ast.Constant(None))
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield _becoming(ast.Pass())


def _other_values(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 1
        yield value - 1
    elif isinstance(value, str):
        yield value + "~"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _setting(field: str, place: int | None, value: object) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        if place is None:
            setattr(node, field, copy.deepcopy(value))
        else:
            getattr(node, field)[place] = value

    return change


def _becoming(other: ast.AST) -> Callable[[ast.AST], None]:
    """Turn the node into another one in place, so that its parent need not be known."""

    def change(node: ast.AST) -> None:
        made = copy.deepcopy(other)
        node.__class__ = made.__class__  # type: ignore[assignment]
        kept = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
        node.__dict__.clear()
        node.__dict__.update(made.__dict__)
        node.__dict__.update(kept)

    return change
