"""State the internals of Flask and werkzeug that the application relies on, and check the fast dispatch built on them.

If a test of the first group fails with a new version, adapt ``api/flask_internals.py`` before raising the version cap.
"""

from __future__ import annotations

import inspect
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import flask.ctx
import pytest
from flask import Flask, Response, request
from flask.ctx import RequestContext
from packaging.requirements import Requirement
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, PathConverter, Rule

from modelarts_emulator.api.flask_internals import FastRoutingFlask, current_request

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("package", ["flask", "werkzeug"])
def test_setup_cfg_caps_the_versions_that_these_tests_ran_with(package: str) -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    rows = [line for line in config["options"]["install_requires"].splitlines() if line and not line.startswith("#")]
    (specifier,) = [each.specifier for each in map(Requirement, rows) if each.name == package]
    assert any(each.operator == "<" for each in specifier)
    assert specifier.contains(version(package))


# What is relied on


def test_flask_skips_its_own_matching_when_there_is_no_url_adapter() -> None:
    source = inspect.getsource(RequestContext.push)
    assert "if self.url_adapter is not None:\n            self.match_request()" in source
    assert "self.url_adapter = app.create_url_adapter(self.request)" in inspect.getsource(RequestContext.__init__)


def test_flask_keeps_hooks_in_lists_by_blueprint_name() -> None:
    app = Flask("test")
    app.before_request(hook := lambda: None)
    app.after_request(after := lambda response: response)
    assert app.before_request_funcs[None] == [hook]
    assert app.after_request_funcs[None] == [after]


def test_flask_calls_full_dispatch_request_once_a_request_and_finalizes_unhandled_errors() -> None:
    source = inspect.getsource(Flask.wsgi_app)
    assert source.count("self.full_dispatch_request()") == 1
    assert "self.handle_exception(e)" in source


def test_flask_sets_routing_exception_and_view_arguments_on_the_request() -> None:
    app = Flask("test")
    app.add_url_rule("/a/<name>", "view", lambda name: name)
    with app.test_request_context("/a/b"):
        assert request.view_args == {"name": "b"}
        assert request.routing_exception is None
        assert request.url_rule is not None and request.url_rule.endpoint == "view"
    with app.test_request_context("/b"):
        assert isinstance(request.routing_exception, HTTPException)


def test_flask_request_proxy_gives_the_request_itself() -> None:
    with Flask("test").test_request_context("/"):
        assert current_request() is flask.globals.request_ctx.request


def test_werkzeug_rules_compile_their_builders_with_the_method_that_is_replaced() -> None:
    assert list(inspect.signature(Rule._compile_builder).parameters) == ["self", "append_unknown"]
    assert "self._compile_builder(False)" in inspect.getsource(Rule)


def test_werkzeug_converters_have_the_attributes_that_are_replaced() -> None:
    assert {"regex", "weight", "part_isolating"} <= {name for name in dir(PathConverter) if not name.startswith("_")}
    assert "anything" not in Map().converters


# What is built on it


@pytest.fixture
def app() -> FastRoutingFlask:
    """An application with two routes of the same length, one of them with a fixed segment, and a slow route."""
    app = FastRoutingFlask("test")
    for path in ("/v2/{project}/items/{item}", "/v2/{project}/items/all", "/v2/{project}/{kind}/{item}/more"):
        name = path.rpartition("/")[2]
        app.add_url_rule(
            path.replace("{", "<").replace("}", ">"),
            name,
            lambda _name=name, **given: f"{_name} {sorted(given.items())}",
        )
        app.add_fast_route(path, "GET", name)
    app.add_url_rule("/slow/<anything:rest>", "slow", lambda rest: f"slow {rest}")
    return app


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/p/items/7", "{item} [('item', '7'), ('project', 'p')]"),
        ("/v2/p/items/all", "all [('project', 'p')]"),
        ("/v2/p/things/7/more", "more [('item', '7'), ('kind', 'things'), ('project', 'p')]"),
        ("/v2/%C3%A4/items/all", "all [('project', 'ä')]"),
        ("/slow//a/%0Ab", "slow /a/\nb"),
    ],
)
def test_fast_routing_flask_matches_like_werkzeug(app: FastRoutingFlask, path: str, expected: str) -> None:
    app.url_map.merge_slashes = False
    assert app.test_client().get(path).text == expected


@pytest.mark.parametrize("path", ["/v2//items/7", "/v2/p/items/", "/v2/p/other/7", "/v2/p/items", "/"])
def test_fast_routing_flask_refuses_paths_without_a_route(app: FastRoutingFlask, path: str) -> None:
    app.url_map.merge_slashes = False
    assert app.test_client().get(path).status_code == 404


def test_fast_routing_flask_answers_other_methods_and_options(app: FastRoutingFlask) -> None:
    client = app.test_client()
    assert client.post("/v2/p/items/7").status_code == 405
    assert {"GET", "OPTIONS"} <= set(client.options("/v2/p/items/7").headers["Allow"].split(", "))
    assert client.head("/v2/p/items/7").status_code == 200


def test_fast_routing_flask_runs_hooks_in_order_and_lets_one_answer(app: FastRoutingFlask) -> None:
    calls: list[str] = []

    def first() -> None:
        calls.append("before 1")

    def second() -> Response | None:
        calls.append("before 2")
        return Response("from the hook") if request.args else None

    def after(response: Response) -> Response:
        calls.append(f"after {response.status_code}")
        return response

    app.before_request(first)
    app.before_request(second)
    app.after_request(after)
    app.after_request(lambda response: calls.append("after last registered") or response)
    assert app.test_client().get("/v2/p/items/all?x=1").text == "from the hook"
    assert calls == ["before 1", "before 2", "after last registered", "after 200"]


def test_fast_routing_flask_gives_exceptions_to_the_error_handler_and_runs_the_hooks_after(
    app: FastRoutingFlask,
) -> None:
    def fail() -> None:
        raise ValueError("broken")

    app.before_request(fail)
    app.register_error_handler(ValueError, lambda error: Response(str(error), 500))
    app.after_request(lambda response: Response(response.data + b", seen", response.status_code))
    answer = app.test_client().get("/v2/p/items/all")
    assert (answer.status_code, answer.text) == (500, "broken, seen")


def test_fast_routing_flask_builds_no_urls(app: FastRoutingFlask) -> None:
    with app.test_request_context("/slow/x"), pytest.raises(LookupError, match="no URL is built"):
        flask.url_for("slow", rest="x")
