"""Serve ``GET /_emulator/coverage``: the parameters of each operation, and those without effect."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from flask import Flask, Response

from modelarts_emulator.api.routes import ROUTES, Route
from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT, evidence
from modelarts_emulator.contract.wire import DatasetType

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
