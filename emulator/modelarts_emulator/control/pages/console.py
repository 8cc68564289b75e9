"""Serve the console at ``/_emulator/ui``, and redirect browsers there from ``/``.

The page consists of plain JavaScript modules in ``assets/console``. It has no logic of the service: it shows answers of
the public API and of ``/_emulator/``, and makes changes through them as any other client does.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from flask import Flask, Response, request

from modelarts_emulator.api.dispatch import error_response
from modelarts_emulator.contract.errors import NOT_FOUND, ApiError
from modelarts_emulator.runtime import Runtime

if TYPE_CHECKING:
    from importlib.abc import Traversable

PAGE = "/_emulator/ui"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-cache"}


class ProjectSummary(msgspec.Struct, kw_only=True):
    """A project that has datasets."""

    project_id: str
    """Identifier of the project."""
    datasets: int
    """Number of its datasets."""


class ProjectsResponse(msgspec.Struct, kw_only=True):
    """The projects that have datasets."""

    projects: list[ProjectSummary]
    """Projects, the one with most datasets first."""


class ProjectsControl:
    """The endpoint ``/_emulator/projects``."""

    def __init__(self, emu: Runtime) -> None:
        self._emu = emu

    def list_projects(self) -> ProjectsResponse:
        """List the projects that have datasets, which no operation of the service does."""
        counts: dict[str, int] = {}
        for entry in self._emu.store.entries():
            counts[entry.record.project_id] = counts.get(entry.record.project_id, 0) + 1
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return ProjectsResponse(projects=[ProjectSummary(project_id=name, datasets=n) for name, n in ordered])


def register(app: Flask, public_url: str | None) -> None:
    """Add the console's routes to the application: the page, its assets, the redirect from ``/``."""
    folder = files("modelarts_emulator.control.pages") / "assets" / "console"
    names = frozenset(_names(folder))
    policy = _policy(public_url)

    def asset(name: str = "index.html") -> Response:
        if name not in names:
            return error_response(ApiError(NOT_FOUND, name[:80]))
        file = folder
        for part in name.split("/"):
            file = file / part
        response = Response(file.read_bytes(), 200, content_type=_TYPES[name.rpartition(".")[2]])
        response.headers.update({**_HEADERS, "Content-Security-Policy": policy})
        return response

    def root() -> Response:
        if "text/html" in request.headers.get("Accept", ""):
            return Response(status=302, headers={"Location": PAGE.removeprefix("/")})
        return error_response(ApiError(NOT_FOUND, "GET /"))

    app.add_url_rule(PAGE, "console", asset, strict_slashes=True)
    app.add_url_rule(f"{PAGE}/<path:name>", "console asset", asset)
    app.add_url_rule("/", "console root", root)


def _names(folder: Traversable, prefix: str = "") -> Iterator[str]:
    """Return the files of a folder and of those in it that are served, by their paths."""
    for each in folder.iterdir():
        if each.is_dir():
            yield from _names(each, f"{prefix}{each.name}/")
        elif each.name.rpartition(".")[2] in _TYPES:
            yield prefix + each.name


def _policy(public_url: str | None) -> str:
    """Return the content security policy: this server only, and the public URL that signed URLs refer to."""
    parts = urlsplit(public_url) if public_url else None
    ours = f"'self' {parts.scheme}://{parts.netloc}" if parts else "'self'"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {ours} data: blob:; media-src {ours} blob:; "
        f"connect-src {ours}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
