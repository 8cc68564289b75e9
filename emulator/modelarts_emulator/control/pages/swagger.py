"""Serve a page at ``/_emulator/docs`` to read and try the OpenAPI document; it works offline."""

from __future__ import annotations

from importlib.resources import files

from flask import Flask, Response

_ASSETS = {
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "docs.js": ("docs.js", "text/javascript"),
}
# Swagger UI sets inline styles; scripts are loaded from files only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def register(app: Flask) -> None:
    """Add the page and its assets."""

    def page() -> Response:
        response = _asset("docs.html", "text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    app.add_url_rule("/_emulator/docs", "docs", page, strict_slashes=True)
    # The page refers to its assets relative to itself, so that it works behind a proxy with a path prefix.
    app.add_url_rule("/_emulator/docs/", "docs/", lambda: Response(status=308, headers={"Location": "../docs"}))
    for name, (file, content_type) in _ASSETS.items():
        app.add_url_rule(
            f"/_emulator/docs/{name}",
            f"docs {name}",
            lambda file=file, content_type=content_type: _asset(file, content_type),
        )


def _asset(name: str, content_type: str) -> Response:
    asset = files("modelarts_emulator.control.pages") / "assets"
    for part in name.split("/"):
        asset = asset / part
    return Response(asset.read_bytes(), 200, content_type=content_type)
