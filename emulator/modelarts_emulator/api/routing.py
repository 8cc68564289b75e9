"""Finds the route of a usual request without asking every one.

Flask asks werkzeug, which tells hosts and subdomains apart, redirects, and knows every kind of converter: all that
takes a third of the time of a small answer, and a path of the dataset API needs none of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Flask, Request
from werkzeug.routing import MapAdapter, PathConverter, Rule


class _FastRoute(NamedTuple):
    """A rule's path by segments: what some must be, and which parameters the others are."""

    literals: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str], ...]
    rule: Rule

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The parameters of a path that has as many segments; None where it is another's."""
        for place, text in self.literals:
            if segments[place] != text:
                return None
        found = {name: segments[place] for place, name in self.parameters}
        return found if all(found.values()) else None


class _RuleWithoutBuilder(Rule):
    """A rule that no URL is built from: to compile what would build it takes most of the time of a start."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _build_nothing


def _build_nothing(rule: Rule, **_: Any) -> tuple[str, str]:
    raise LookupError(f"no URL is built from {rule.rule}")


class _RestOfPathConverter(PathConverter):
    """All the rest of a path: unlike ``path``, it may begin with a slash, and hold line ends."""

    regex = "(?s:.+)"
    weight = 200
    part_isolating = False


class FastRoutingFlask(Flask):
    """A Flask application that takes the short way to the routes ``shorten`` was told of."""

    url_rule_class = _RuleWithoutBuilder

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.url_map.converters["anything"] = _RestOfPathConverter
        self._fast_routes: defaultdict[tuple[str, int], list[_FastRoute]] = defaultdict(list)

    def add_fast_route(self, path: str, method: str, endpoint: str) -> None:
        """Take the short way for a route whose parameters are whole segments ``{name}``, and no other kind."""
        rule = next(each for each in self.url_map.iter_rules(endpoint) if method in (each.methods or ()))
        segments = list(enumerate(path.split("/")))
        template = _FastRoute(
            tuple((place, text) for place, text in segments if not text.startswith("{")),
            tuple((place, text[1:-1]) for place, text in segments if text.startswith("{")),
            rule,
        )
        templates = self._fast_routes[method, len(segments)]
        templates.append(template)
        # As werkzeug does: what is written out goes before what may be anything.
        templates.sort(key=lambda each: len(each.parameters))

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none here is asynchronous, and Flask would find that out anew for each request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What Flask asks for the route."""
        if request is not None:
            environ = request.environ
            path = environ["PATH_INFO"]
            if path.isascii():  # else it has to be decoded
                segments = path.split("/")
                for template in self._fast_routes.get((environ["REQUEST_METHOD"], len(segments)), ()):
                    if (parameters := template.match(segments)) is not None:
                        return _MatchedAdapter(template.rule, parameters)
        return super().create_url_adapter(request)


class _MatchedAdapter(MapAdapter):
    """An adapter that has its match already."""

    def __init__(self, rule: Rule, parameters: dict[str, str]) -> None:
        self._match = rule, parameters

    def match(self, *_: Any, **__: Any) -> tuple[Rule, Mapping[str, Any]]:
        """The rule and its parameters."""
        return self._match
