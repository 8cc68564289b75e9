"""The checks of host and origin, in a whole emulator."""

import threading

import pytest
import requests

from modelarts_emulator.api.origin_check import HostCheck, host_name, is_loopback
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator

ORIGIN = "http://localhost:3000"
PATHS = ["/v2/project/datasets", "/v3", "/_emulator/health", "/bucket/key", "/", "/no/such/thing"]


@pytest.fixture(scope="module")
def start():
    running = []

    def begin(**settings):
        running.append(Emulator(Settings(port=0, data_dir=None, **settings)).start())
        return running[-1].url

    yield begin
    for emulator in running:
        emulator.stop()


@pytest.fixture(scope="module")
def url(start):
    return start()


@pytest.fixture(scope="module")
def public_url(start):
    return start(host="0.0.0.0").replace("0.0.0.0", "127.0.0.1")


@pytest.fixture(scope="module")
def cors_url(start):
    return start(cors=(ORIGIN,))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_host_foreign_is_refused_everywhere(url, path, host):
    answer = requests.get(url + path, headers={"Host": host, "x-obs-date": "now"}, timeout=10)
    assert answer.status_code == 403
    body = answer.json()
    assert body["error_code"] == "ModelArts.0108"
    assert repr(host) in body["error_msg"]
    assert "--allowed-host" in body["error_msg"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:1", "127.8.9.10:8765", "localhost", "LOCALHOST:80", "localhost.", "[::1]", "[::1]:8765"],
)
def test_host_of_this_machine_is_accepted(url, host):
    answer = requests.get(f"{url}/_emulator/health", headers={"Host": host}, timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (200, "alive")


def test_host_with_a_bucket_is_accepted(url):
    assert requests.put(url, headers={"Host": "pictures.localhost:8765"}, timeout=10).status_code == 200
    assert requests.head(url, headers={"Host": "pictures.localhost"}, timeout=10).status_code == 200


def test_host_of_the_public_url_and_its_buckets_is_accepted(start):
    url = start(public_url="https://modelarts.example:8443/base")
    for host, status in (
        ("modelarts.example", 200),
        ("modelarts.example:1", 200),
        ("localhost", 200),
        ("evil.example", 403),
        ("evilmodelarts.example", 403),
    ):
        assert requests.get(f"{url}/_emulator/health", headers={"Host": host}, timeout=10).status_code == status
    assert requests.put(url, headers={"Host": "pictures.modelarts.example"}, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.168.7.7:8765", 200),
        ("[fe80::1]:8765", 200),
        ("modelarts", 200),
        ("modelarts:8765", 200),
        ("build-7.example", 200),
        ("laptop.local", 200),
        ("modelarts.default.svc.cluster.local", 200),
        ("evil.com", 403),
        ("192.168.7.7.evil.com", 403),
        ("local.evil.io", 403),
    ],
)
def test_host_private_name_is_accepted_on_a_public_address(public_url, host, status):
    for path in ("/_emulator/health", "/v2/project/datasets"):
        assert requests.get(public_url + path, headers={"Host": host}, timeout=10).status_code == status


def test_host_allowed_is_accepted_with_its_subdomains(start):
    url = start(allowed_hosts=("modelarts.company.com",))
    for host, status in (("modelarts.company.com:80", 200), ("b.modelarts.company.com", 200), ("company.com", 403)):
        assert requests.get(f"{url}/_emulator/health", headers={"Host": host}, timeout=10).status_code == status
    anything = start(host="0.0.0.0", allowed_hosts=("*",)).replace("0.0.0.0", "127.0.0.1")
    assert requests.get(f"{anything}/_emulator/health", headers={"Host": "evil.com"}, timeout=10).status_code == 200


def test_origin_foreign_must_not_change_anything_on_a_public_address(public_url):
    for path in ("/v2/p/datasets", "/bucket", "/_emulator/reset"):
        answer = requests.post(public_url + path, headers={"Origin": "https://evil.com"}, json={}, timeout=10)
        assert answer.status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_origin_malformed_is_refused(url, method):
    answer = requests.request(method, f"{url}/v2/p/datasets", headers={"Origin": "http://["}, timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.4396")


@pytest.mark.parametrize("host", ["[", "]", "a]b", "[::1", "a:b", "a:80:90", "a/b", "user@localhost", "a b", "[::1]x"])
@pytest.mark.parametrize("path", ["/v2/p/datasets", "/bucket/a", "/_emulator/health"])
def test_host_malformed_is_refused(url, public_url, host, path):
    for each in (url, public_url):
        answer = requests.get(each + path, headers={"Host": host}, timeout=10)
        assert answer.status_code == 400, each


@pytest.mark.parametrize("host", ["[::1]", "[::1]:80", "localhost:", "127.0.0.1:8", "LOCALHOST"])
def test_host_in_any_form_of_this_machine_is_accepted(url, host):
    assert requests.get(f"{url}/v2/p/datasets", headers={"Host": host}, timeout=10).status_code == 200


def test_answer_exposes_metadata_and_own_headers_to_an_allowed_origin(cors_url):
    requests.put(f"{cors_url}/exposed", timeout=10)
    requests.put(f"{cors_url}/exposed/a", data=b"x", headers={"x-amz-meta-Colour": "red"}, timeout=10)
    answer = requests.get(f"{cors_url}/exposed/a", headers={"Origin": ORIGIN}, timeout=10)
    exposed = answer.headers["Access-Control-Expose-Headers"].lower().split(", ")
    assert {"x-amz-meta-colour", "x-request-id", "etag"} <= set(exposed)
    refused = requests.get(f"{cors_url}/v2/p/datasets/x", headers={"Origin": ORIGIN}, timeout=10)
    assert "x-emulator-reason" in refused.headers["Access-Control-Expose-Headers"].lower()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000", "http://127.0.0.1"])
def test_origin_foreign_must_not_change_anything(url, origin):
    for method in ("POST", "PUT", "DELETE"):
        answer = requests.request(method, f"{url}/v2/p/datasets", headers={"Origin": origin}, json={}, timeout=10)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.0108")
        assert "--cors" in answer.json()["error_msg"]


def test_origin_own_may_change_things(url):
    answer = requests.put(f"{url}/pictures-2", headers={"Origin": url}, timeout=10)
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_answer_without_cors_cannot_be_read_by_a_page(url, method):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    answer = requests.request(method, f"{url}/v2/project/datasets", headers=headers, timeout=10)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", PATHS)
def test_preflight_of_an_allowed_origin_is_answered(cors_url, path):
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-auth-token, x-amz-acl",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = requests.options(cors_url + path, headers=asked, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) >= {"GET", "HEAD", "POST", "PUT", "DELETE"}
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")}
    assert allowed >= {"x-auth-token", "authorization", "content-type", "x-amz-acl"}
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
    assert answer.headers["Vary"] == "Origin"


def test_origin_allowed_may_read_answers_and_errors(cors_url):
    calls = [("GET", "/v2/p/datasets", 200), ("POST", "/v2/p/datasets", 400), ("POST", "/v3/auth/tokens", 400)]
    for method, path, status in calls:
        answer = requests.request(method, cors_url + path, headers={"Origin": ORIGIN}, timeout=10)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)
        assert {"ETag", "X-Subject-Token"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost:3000", "http://localhost:3001"])
def test_origin_not_allowed_may_not_read_answers(cors_url, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = requests.request(method, f"{cors_url}/v2/project/datasets", headers=headers, timeout=10)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert requests.post(f"{cors_url}/v2/p/datasets", headers={"Origin": origin}, timeout=10).status_code == 403


def test_cors_wildcard_allows_every_origin(start):
    url = start(cors=("*",))
    answer = requests.get(f"{url}/v3", headers={"Origin": "http://any.example"}, timeout=10)
    assert answer.headers["Access-Control-Allow-Origin"] == "http://any.example"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("A.Example:80", "a.example"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a.", "a"), ("", ""), ("a:", "a")],
)
def test_host_name_drops_the_port(host, expected):
    assert host_name(host) == expected


@pytest.mark.parametrize("name", ["", "0.0.0.0", "::", "10.0.0.1", "example", "localhost.example", "127.0.0.1.nip.io"])
def test_is_loopback_refuses_other_names(name):
    assert not is_loopback(name)


def test_host_check_remembers_a_bounded_number_of_hosts():
    check = HostCheck(None)
    threads = [
        threading.Thread(target=lambda n=n: [check._judged(f"localhost:{n * 700 + i}") for i in range(700)])
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(check._known) <= 1003  # a thread may add one past the bound
