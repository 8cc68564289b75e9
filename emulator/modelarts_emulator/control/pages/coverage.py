"""``GET /_emulator/coverage``: what of each operation is there. Also the table of the README, which it makes.

``python -m modelarts_emulator.control.pages.coverage README.md`` writes that table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from flask import Flask, Response

from modelarts_emulator.api.routes import ROUTES, Route
from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT, evidence
from modelarts_emulator.contract.wire import DatasetType

_TABLE = re.compile(r"(<!-- operations -->\n).*?(\n<!-- /operations -->)", re.DOTALL)
# Operations that only some dataset types have.
_EXPORTS = {"ExportTask"}
_LABELS = {
    "CreateLabels",
    "UpdateLabels",
    "DeleteLabels",
    "UpdateLabel",
    "DeleteLabelAndSamples",
}


class Operation(msgspec.Struct, kw_only=True):
    """One operation as the coverage names it."""

    operation: str
    family: str
    title: str
    method: str
    path: str
    reference: str
    dataset_types: list[int]
    parameters: list[str]
    """Query parameters and members of the body that have their documented effect."""
    without_effect: dict[str, str]
    """Those that are accepted and change nothing, each with the reason."""
    evidence: str


def operations() -> Iterator[Operation]:
    """All of them, in the order of the reference's headings."""
    for family, routes in ROUTES.items():
        for route in routes:
            without = WITHOUT_EFFECT.get(route.operation, {})
            yield Operation(
                operation=route.operation,
                family=family,
                title=route.title,
                method=route.method,
                path=route.path,
                reference=route.reference,
                dataset_types=[int(kind) for kind in _dataset_types(route.operation)],
                parameters=[name for name in _parameters(route) if name not in without],
                without_effect=without,
                evidence=evidence(route.operation),
            )


def _parameters(route: Route) -> Iterator[str]:
    for kind in (route.query, route.request):
        if kind is not None:
            yield from kind.__struct_encode_fields__


def _dataset_types(operation: str) -> list[DatasetType]:
    return [
        dataset_type
        for dataset_type, kind in DATASET_TYPES.items()
        if (operation not in _EXPORTS or kind.exports) and (operation not in _LABELS or kind.labels)
    ]


def register(app: Flask) -> None:
    """Add the route."""
    body = msgspec.json.encode({"operations": list(operations())})
    app.add_url_rule("/_emulator/coverage", "coverage", lambda: Response(body, 200, content_type="application/json"))


def table() -> str:
    """The README's table of operations."""
    rows = ["| family | operation | call | without effect | evidence |", "|---|---|---|---|---|"]
    for each in operations():
        without = ", ".join(f"`{name}`" for name in each.without_effect)
        call = f"`{each.method} {each.path}`"
        rows.append(f"| {each.family} | {each.operation} | {call} | {without} | {each.evidence} |")
    return "\n".join(rows)


def update_readme(readme: Path) -> None:
    """Write the table into the README, where it stands now. Raises OSError, ValueError where none stands there."""
    text, count = _TABLE.subn(lambda found: found[1] + table() + found[2], readme.read_text("utf-8"))
    if not count:
        raise ValueError(f"{readme} has no <!-- operations --> … <!-- /operations -->")
    readme.write_text(text, "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the table into each README that is named; 0 where that could be done."""
    try:
        for name in arguments:
            update_readme(Path(name))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
