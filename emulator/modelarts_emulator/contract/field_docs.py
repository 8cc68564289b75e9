"""Read the docstrings that follow the fields of a class in its source.

A field is described by a string literal below it, which editors and documentation generators show. The interpreter
drops such literals, so they cost nothing when the class is used; they are parsed from the source when they are needed.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache


def field_docs(kind: type) -> dict[str, str]:
    """Return the description of each field of a class and of its bases, by field name.

    A class whose source cannot be found has no descriptions.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _module_docs(base.__module__).get(base.__qualname__, {})
    return found


@cache
def _module_docs(name: str) -> dict[str, dict[str, str]]:
    """Return the descriptions of all fields in a module, by class and field."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, TypeError):
        return {}
    return {node.name: _class_docs(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _class_docs(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[field.target.id] = " ".join(text.value.split())
    return found
