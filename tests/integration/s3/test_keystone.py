"""The Keystone endpoints over HTTP."""

import pytest
import requests

from modelarts_emulator.iam.accounts import AccountProject
from modelarts_emulator.iam.tokens import LIFETIME_MS

RED = AccountProject.named("red").id


def password(name="anyone", secret="any", **scope):
    domain = "acme" if name == "anyone" else "local"  # configured users have a domain, which is checked
    user = {"name": name, "password": secret, "domain": {"name": domain}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return {"auth": {**auth, **({"scope": scope} if scope else {})}}


def log_in(server, body, **options):
    return requests.post(f"{server.url}/v3/auth/tokens", json=body, timeout=10, **options)


def get(server, path, token="", **headers):
    return requests.get(server.url + path, headers={"X-Auth-Token": token, **headers}, timeout=10)


def test_log_in_returns_a_token_for_a_project(server):
    answer = log_in(server, password(project={"name": "demo", "domain": {"name": "acme"}}))
    assert answer.status_code == 201
    assert len(answer.headers["X-Subject-Token"]) == 64
    token = answer.json()["token"]
    project = token["project"]
    assert project["name"] == "demo"
    assert project["id"] == AccountProject.named("demo").id
    assert project["domain"] == token["user"]["domain"]
    assert (token["user"]["name"], token["user"]["domain"]["name"]) == ("anyone", "acme")
    assert token["methods"] == ["password"]
    assert [role["name"] for role in token["roles"]] == ["te_admin", "modelarts_admin"]
    assert token["issued_at"] < token["expires_at"]
    assert len(token["issued_at"]) == len("2026-01-01T00:00:00.000000Z")


def test_catalog_has_the_url_that_the_client_uses(server):
    token = log_in(server, password(project={"id": "f" * 32}), headers={"Host": "emulator.test:99"}).json()["token"]
    urls = {entry["type"]: {each["url"] for each in entry["endpoints"]} for entry in token["catalog"]}
    base = "http://emulator.test:99"
    assert urls["modelartsv2"] == {f"{base}/v2/{'f' * 32}"}
    assert urls["modelarts"] == {f"{base}/v1/{'f' * 32}"}
    assert urls["identity"] == urls["iam"] == {f"{base}/v3"}
    assert urls["obs"] == {base}
    for entry in token["catalog"]:
        for endpoint in entry["endpoints"]:
            assert endpoint["interface"] == "public"
            assert endpoint["region"] == endpoint["region_id"]


@pytest.mark.parametrize(
    ("name", "region"),
    [("demo", "eu-de"), ("cn-north-4", "cn-north-4"), ("eu-ch2_tests", "eu-ch2"), ("my-app_1", "my-app")],
)
def test_catalog_has_the_region_of_the_project_name(server, name, region):
    token = log_in(server, password(project={"name": name})).json()["token"]
    assert region in {endpoint["region"] for endpoint in token["catalog"][0]["endpoints"]}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"project": {"id": "a" * 32}}, "a" * 32),
        ({"project": {"name": "demo"}}, AccountProject.named("demo").id),
        ({"domain": {"name": "acme"}}, None),
        ({"domain": {"id": "1234"}}, None),
        ({}, None),
    ],
)
def test_log_in_supports_every_scope(server, scope, expected):
    token = log_in(server, password(**scope)).json()["token"]
    assert token.get("project", {}).get("id") == expected
    assert ("domain" in token) == ("domain" in scope)
    assert ("catalog" in token) == bool(scope)


def test_log_in_unscoped_has_no_project(server):
    body = password()
    body["auth"]["scope"] = "unscoped"
    assert not {"project", "domain", "catalog"} & log_in(server, body).json()["token"].keys()


def test_log_in_without_catalog_omits_it(server):
    answer = requests.post(f"{server.url}/v3/auth/tokens?nocatalog", json=password(project={"name": "x"}), timeout=10)
    assert "catalog" not in answer.json()["token"]


def test_log_in_with_a_token_returns_a_token(server):
    first = log_in(server, password("carol")).headers["X-Subject-Token"]
    body = {
        "auth": {"identity": {"methods": ["token"], "token": {"id": first}}, "scope": {"project": {"name": "demo"}}}
    }
    token = log_in(server, body).json()["token"]
    assert (token["user"]["name"], token["project"]["name"], token["methods"]) == ("carol", "demo", ["token"])


def test_token_is_described_and_revoked(server):
    token = log_in(server, password(project={"name": "demo"})).headers["X-Subject-Token"]
    url, headers = f"{server.url}/v3/auth/tokens", {"X-Auth-Token": token, "X-Subject-Token": token}
    described = requests.get(url, headers=headers, timeout=10)
    assert described.status_code == 200
    assert described.json()["token"]["project"]["name"] == "demo"
    assert requests.head(url, headers=headers, timeout=10).status_code == 200
    assert requests.delete(url, headers=headers, timeout=10).status_code == 204
    assert requests.get(url, headers=headers, timeout=10).status_code == 404
    assert requests.delete(url, headers=headers, timeout=10).status_code == 404


def test_version_document_describes_keystone_v3(server):
    for path in ("/v3", "/v3/"):
        version = get(server, path).json()["version"]
        assert version["status"] == "stable"
        assert version["links"] == [{"rel": "self", "href": f"{server.url}/v3/"}]


def test_projects_are_listed_and_found_by_name(server):
    token = log_in(server, password(project={"name": "demo"})).headers["X-Subject-Token"]
    for path in ("/v3/projects", "/v3/auth/projects"):
        assert "demo" in [project["name"] for project in get(server, path, token).json()["projects"]]
        (found,) = get(server, f"{path}?name=eu-de", token).json()["projects"]
        assert found["id"] == AccountProject.named("eu-de").id
    assert get(server, f"/v3/projects/{found['id']}", token).json()["project"]["name"] == "eu-de"
    assert get(server, "/v3/auth/domains?name=acme", token).json()["domains"][0]["name"] == "acme"


def test_catalog_alone_is_returned(server):
    token = log_in(server, password(project={"name": "demo"})).headers["X-Subject-Token"]
    assert "modelartsv2" in [entry["type"] for entry in get(server, "/v3/auth/catalog", token).json()["catalog"]]
    signed = get(server, "/v3/auth/catalog", **{"X-Project-Id": "f" * 32}).json()["catalog"]
    assert any("f" * 32 in entry["endpoints"][0]["url"] for entry in signed)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"auth": 1}',
        b'{"auth": {}}',
        b'{"auth": {"identity": {}}}',
        b'{"auth": {"identity": {"methods": "password"}}}',
        b'{"auth": {"identity": {"methods": ["password"]}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {}}}}}',
        b'{"auth": {"identity": {"methods": ["totp"]}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": 1}}}, "scope": []}}',
        b'{"auth": ' * 5000,
        b"\xff\xfe",
    ],
)
def test_log_in_with_an_invalid_body_is_400(server, body):
    answer = requests.post(f"{server.url}/v3/auth/tokens", data=body, timeout=10)
    assert answer.status_code == 400
    error = answer.json()
    assert error["error"]["code"] == 400
    assert error["error"]["title"] == "Bad Request"
    assert error["error_code"] == "ModelArts.0104"


# Strict


@pytest.fixture
def strict(start):
    return start(strict=True)


def test_log_in_of_a_configured_user_returns_their_project(strict):
    for scope in ({}, {"project": {"name": "red"}}, {"project": {"id": RED}}):
        assert log_in(strict, password("alice", "pw-a", **scope)).json()["token"]["project"]["id"] == RED


@pytest.mark.parametrize(
    "body",
    [
        password("alice", "pw-b"),
        password("alice", ""),
        password("nobody", "pw-a"),
        password("alice", "pw-a", project={"name": "blue"}),
        password("alice", "pw-a", project={"id": "f" * 32}),
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "f" * 64}}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": ""}}}},
        {"auth": {"identity": {"methods": ["token"]}}},
    ],
)
def test_log_in_of_any_other_user_is_refused(strict, body):
    answer = log_in(strict, body)
    assert answer.status_code == 401
    assert "X-Subject-Token" not in answer.headers
    assert answer.json()["error"]["title"] == "Unauthorized"
    assert "pw-" not in answer.text


@pytest.mark.parametrize("path", ["/v3/auth/tokens", "/v3/auth/catalog", "/v3/projects", f"/v3/projects/{RED}"])
@pytest.mark.parametrize("token", ["", "x", "f" * 64])
def test_request_without_a_valid_token_is_refused(strict, path, token):
    answer = get(strict, path, token, **{"X-Subject-Token": token})
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "ModelArts.6620"


def test_token_expires_after_a_day(strict):
    token = log_in(strict, password("alice", "pw-a")).headers["X-Subject-Token"]
    assert get(strict, "/v3/projects", token).status_code == 200
    strict.clock.ahead_ms = LIFETIME_MS
    assert get(strict, "/v3/projects", token).status_code == 401


def test_tokens_and_projects_of_others_are_hidden(strict):
    alice = log_in(strict, password("alice", "pw-a")).headers["X-Subject-Token"]
    bob = log_in(strict, password("bob", "pw-b", project={"name": "blue"})).headers["X-Subject-Token"]
    assert get(strict, "/v3/auth/tokens", alice, **{"X-Subject-Token": bob}).status_code == 404
    assert [project["id"] for project in get(strict, "/v3/projects", alice).json()["projects"]] == [RED]
    assert get(strict, f"/v3/projects/{AccountProject.named('blue').id}", alice).status_code == 404


def test_log_in_with_a_token_does_not_extend_its_life(strict):
    first = log_in(strict, password("alice", "pw-a"))
    strict.clock.ahead_ms = LIFETIME_MS // 2
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": first.headers["X-Subject-Token"]}}}}
    assert log_in(strict, body).json()["token"]["expires_at"] == first.json()["token"]["expires_at"]
