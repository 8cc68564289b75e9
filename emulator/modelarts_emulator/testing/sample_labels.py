"""Labels of samples as tests give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Labels = str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
"""One label or several; a label is its name, or an object as the API has it."""


def label_list(given: Labels) -> list[dict[str, Any]]:
    """Return labels as the API takes them.

    Example:
        >>> label_list(["cat", {"name": "dog"}])
        [{'name': 'cat'}, {'name': 'dog'}]
    """
    several = [given] if isinstance(given, str | Mapping) else given
    return [{"name": each} if isinstance(each, str) else dict(each) for each in several]
