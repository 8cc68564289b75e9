"""The one module that relies on internals of Flask and werkzeug: a Flask application with a faster dispatch.

Flask asks werkzeug for the route of each request. Werkzeug compares hosts and subdomains, redirects, and supports any
kind of converter, which takes a third of the time of a small answer. A path of the dataset API needs none of that.

``setup.cfg`` caps the versions of both, and ``tests/unit/api/test_flask_internals.py`` states every internal that is
used here. Check both before raising a cap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from flask import Flask, Request, Response, request
from werkzeug.routing import MapAdapter, PathConverter, Rule

current_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]
"""Return the request of this thread. Flask's proxy for it looks it up again at each access to an attribute."""


class _FastRoutes(NamedTuple):
    """Routes of one method and number of segments that have their parameters at the same positions.

    ``rules`` maps the fixed segments of a path, in order, to its rule and to the names of its parameters.
    """

    fixed: tuple[int, ...]
    parameters: tuple[int, ...]
    rules: dict[tuple[str, ...], tuple[Rule, tuple[str, ...]]]


class _RuleWithoutBuilder(Rule):
    """A rule that cannot build URLs. Compiling the builders would take most of the time of a start."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _refuse_to_build


def _refuse_to_build(rule: Rule, **_: Any) -> tuple[str, str]:
    raise LookupError(f"no URL is built from {rule.rule}")


class _RestOfPathConverter(PathConverter):
    """Match the rest of a path. Unlike ``path``, it may begin with a slash and contain line ends."""

    regex = "(?s:.+)"
    weight = 200
    part_isolating = False


class FastRoutingFlask(Flask):
    """A Flask application that matches the routes given to ``add_fast_route`` without werkzeug.

    It supports functions that run before and after each request and error handlers. It does not support asynchronous
    functions, blueprints, sessions and signals.
    """

    url_rule_class = _RuleWithoutBuilder

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.url_map.converters["anything"] = _RestOfPathConverter
        self._fast_routes: defaultdict[tuple[str, int], list[_FastRoutes]] = defaultdict(list)

    def add_fast_route(self, path: str, method: str, endpoint: str) -> None:
        """Match a route without werkzeug. Each parameter ``{name}`` of its path must be a whole segment.

        The route must have been added with ``add_url_rule`` before.
        """
        rule = next(each for each in self.url_map.iter_rules(endpoint) if method in (each.methods or ()))
        segments = path.split("/")
        parameters = tuple(position for position, text in enumerate(segments) if text.startswith("{"))
        fixed = tuple(position for position in range(len(segments)) if position not in parameters)
        known = self._fast_routes[method, len(segments)]
        group = next((each for each in known if each.parameters == parameters), None)
        if group is None:
            group = _FastRoutes(fixed, parameters, {})
            known.append(group)
            # As in werkzeug, a fixed segment takes precedence over a parameter.
            known.sort(key=lambda each: len(each.parameters))
        names = tuple(segments[position][1:-1] for position in parameters)
        group.rules[itemgetter(*fixed)(segments)] = rule, names

    def match_fast(self, method: str, path: str) -> tuple[Rule, dict[str, str]] | None:
        """Return the fast route of a decoded path and its parameters, or None where werkzeug must match."""
        if path.isascii():  # any other path must be decoded
            segments = path.split("/")
            for fixed, parameters, rules in self._fast_routes.get((method, len(segments)), ()):
                found = rules.get(itemgetter(*fixed)(segments))
                if found is not None:
                    rule, names = found
                    arguments = dict(zip(names, map(segments.__getitem__, parameters), strict=True))
                    if "" not in arguments.values():
                        return rule, arguments
        return None

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Set the route of a request that a fast route matches, or return werkzeug's adapter for any other.

        Flask does not ask for a route that is set already if this returns None.
        """
        if request is not None:
            found = self.match_fast(request.environ["REQUEST_METHOD"], request.environ["PATH_INFO"])
            if found is not None:
                request.url_rule, request.view_args = found
                return None
        return super().create_url_adapter(request)

    def full_dispatch_request(self) -> Response:
        """Run the functions before the request, its view, and the functions after it."""
        try:
            answer: Any = None
            for before in self.before_request_funcs.get(None, ()):
                if (answer := before()) is not None:
                    break
            else:
                current = current_request()
                if current.routing_exception is not None:
                    self.raise_routing_exception(current)
                rule = current.url_rule
                if current.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
                    answer = self.make_default_options_response()
                else:
                    answer = self.view_functions[rule.endpoint](**current.view_args)  # type: ignore[union-attr, arg-type]
        except Exception as error:
            answer = self.handle_user_exception(error)
        response = answer if isinstance(answer, Response) else self.make_response(answer)
        for function in reversed(self.after_request_funcs.get(None, ())):
            response = function(response)
        return response
