"""The unmodified Python SDK from PyPI logs in."""

import pytest

from tests.helpers.cloud import connect

# The SDK warns of what it will drop itself.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")


def test_sdk_takes_the_endpoint_from_the_catalog(cloud, url):
    assert cloud.modelartsv2.get_endpoint() == f"{url}/v2/{cloud.current_project_id}"
    assert cloud.endpoint_for("modelarts") == f"{url}/v1/{cloud.current_project_id}"
    assert cloud.endpoint_for("identity") == f"{url}/v3"


def test_sdk_call_after_login_succeeds(cloud):
    assert list(cloud.modelartsv2.datasets()) == []


def test_sdk_login_returns_the_same_project_every_time(url):
    with connect(url, "demo") as one, connect(url, "demo", username="other") as two:
        assert one.current_project_id == two.current_project_id
    with connect(url, "another") as three:
        assert three.current_project_id != one.current_project_id


def test_sdk_finds_projects_by_name(cloud):
    name = cloud.current_project.name
    assert cloud.identity.find_project(name).id == cloud.current_project_id


def test_sdk_logout_revokes_the_token(cloud):
    token = cloud.auth_token
    headers = {"X-Subject-Token": token}
    assert cloud.identity.get("/auth/tokens", headers=headers).json()["token"]["user"]["name"] == "demo"
    assert cloud.identity.delete("/auth/tokens", headers=headers).status_code == 204
    assert cloud.identity.get("/auth/tokens", headers=headers).status_code == 404
