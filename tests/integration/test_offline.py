"""Nothing leaves the machine: the main job is done where no other can be reached, and pages name no other host."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.places import ROOT
from tests.helpers.polling import poll
from tests.helpers.process import environment, running

pytestmark = pytest.mark.slow

JOB = ROOT / "examples/python/label_and_publish.py"
ASSETS = ROOT / "emulator/modelarts_emulator/control/pages/assets"
OURS = [
    path for path in ASSETS.rglob("*") if path.suffix in (".js", ".css", ".html", ".svg", ".json") and path.is_file()
]
VENDORED = ("swagger-ui", "vendor")

# Loaded by every process with its folder on the path: refuses and records connections to other machines.
GUARD = """
import os, sys

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        address = (arguments[0],)
    else:
        return
    if not isinstance(address, tuple):
        return  # a socket of this machine's file system
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in (None, "", "localhost", "::1", "0.0.0.0", "::") or str(host).startswith("127."):
        return
    with open(os.environ["GUARD_NOTES"], "a") as notes:
        notes.write(f"{event} {host}\\n")
    raise PermissionError(f"{event}: {host} is another machine")

sys.addaudithook(guard)
"""

# Within a network that has nothing but the machine itself.
ALONE = """
import fcntl, os, socket, struct, subprocess, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lo:
    fcntl.ioctl(lo, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
try:
    socket.create_connection(("192.0.2.1", 80), 1)
    sys.exit("another machine can be reached")
except OSError:
    pass
from modelarts_emulator import Emulator
with Emulator(buckets={"my-bucket": sys.argv[1]}) as emu:
    known = {**os.environ, "MODELARTS_EMULATOR_URL": emu.url}
    subprocess.run([sys.executable, sys.argv[2]], env=known, check=True, timeout=60)
"""


@pytest.fixture
def guarded(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a guarded process, which records its connections in the file ``notes``."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard/sitecustomize.py").write_text(GUARD)
    path = f"{tmp_path / 'guard'}:{ROOT / 'emulator'}"
    return {"PYTHONPATH": path, "GUARD_NOTES": str(tmp_path / "notes"), "HTTP_PROXY": "http://192.0.2.1:1"}


@pytest.mark.parametrize(
    "asks",
    [
        "socket.create_connection(('192.0.2.1', 80), 1)",
        "socket.getaddrinfo('example.com', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    ],
)
def test_guard_records_outgoing_connections(guarded: dict[str, str], tmp_path: Path, asks: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import socket; {asks}"],
        env=environment(**guarded),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "is another machine" in done.stderr
    assert (tmp_path / "notes").read_text().count("\n") == 1


def test_main_job_connects_to_no_other_machine(guarded: dict[str, str], tmp_path: Path, bucket: Path) -> None:
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(picture())
    options = ["--bucket", f"bucket={bucket}", "--demo", "--seed", str(tmp_path / "pets"), "--port", "0"]
    with running(*options, cwd=tmp_path, **guarded) as process:
        api = Api(process.url)
        dataset_id = api.dataset()
        (bucket / "in/a.png").write_bytes(picture())
        poll(lambda: api.call("GET", f"/{dataset_id}")["total_sample_count"] == 1, "seen")
        api.label(dataset_id, {api.ids(dataset_id)["a.png"]: [{"name": "cat"}]})
        assert api.publish(dataset_id)["annotated_sample_count"] == 1
        for path in ("health", "docs", "openapi.json", "coverage"):
            assert requests.get(f"{process.url}/_emulator/{path}", timeout=30).status_code == 200
        command = [sys.executable, "-m", "modelarts_emulator", "snapshot", "all", "--url", process.url]
        subprocess.run(command, env=environment(**guarded), check=True, timeout=60, stdout=subprocess.DEVNULL)
        api.session.close()
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert not (tmp_path / "notes").exists(), (tmp_path / "notes").read_text()


def test_main_job_passes_in_a_network_namespace(tmp_path: Path, bucket: Path) -> None:
    alone = ["unshare", "--map-root-user", "--net"]
    try:
        subprocess.run([*alone, "true"], check=True, timeout=30, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine gives no network of its own: {error}")
    (bucket / "in/0.png").write_bytes(picture())
    for name, text in (("alone.py", ALONE), ("job.py", JOB.read_text("utf-8"))):
        (tmp_path / name).write_text(text)
    command = [*alone, sys.executable, str(tmp_path / "alone.py"), str(bucket), str(tmp_path / "job.py")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 lines in /my-bucket/out/" in done.stdout


class _Loads(HTMLParser):
    """Collects the URLs that a page loads or links to."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.places += [value for name, value in attrs if name in ("src", "href", "action", "data") and value]


def loaded(path: Path) -> Iterator[str]:
    """Return the URLs that a file of a page loads."""
    text = path.read_text("utf-8")
    if path.suffix == ".html":
        page = _Loads()
        page.feed(text)
        yield from page.places
    elif path.suffix == ".css":
        yield from re.findall(r"""(?:url\(|@import)\s*['"]?([^'")\s;]+)""", text)
    elif path.suffix == ".js" and not any(part in VENDORED for part in path.parts):
        yield from re.findall(r"""['"`]((?:[a-z]+:)?//[^'"`\s]*)""", text)


def is_elsewhere(place: str) -> bool:
    """Return True if a URL is on another host.

    Namespaces of SVG are not loaded, and ``obs:``, ``s3:`` and ``content:`` are paths of the API, not of a browser.
    """
    if place.startswith(("data:", "obs://", "s3://", "content://")):
        return False
    return bool(re.match(r"([a-z]+:)?//(?!www\.w3\.org/)", place))


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ASSETS)))
def test_pages_name_no_other_host(path: Path) -> None:
    assert [place for place in loaded(path) if is_elsewhere(place)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>'),
        ("a.css", "@import '//cdn.example/x.css';"),
        ("a.js", "fetch(`https://example.com/${x}`)"),
    ],
)
def test_page_check_finds_other_hosts(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert [place for place in loaded(tmp_path / name) if is_elsewhere(place)]


def test_pages_have_a_content_security_policy() -> None:
    with Emulator() as emu:
        for path in ("docs", "ui"):
            answer: Any = requests.get(f"{emu.url}/_emulator/{path}", timeout=30)
            if answer.status_code == 404:
                continue  # there is no such page
            policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))
            assert policy["default-src"] in ("'none'", "'self'"), path
            sources = {source for value in policy.values() for source in value.split()}
            assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}, path
