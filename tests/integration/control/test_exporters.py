"""Recorded requests are repeated on an empty emulator: as curl commands, as a script and as a test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.tools import tool

pytestmark = pytest.mark.slow

OBS = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}
CONDITION = quote(json.dumps({"label_name": {"values": ['it\'s "one"']}}), safe="{}[]:,")


class RecordedSite:
    """An emulator without anything, and a client of each of its services."""

    def __init__(self, emu: Emulator) -> None:
        self.url, self.control, self.api = emu.url, Control(emu.url), Api(emu.url)
        self.session = requests.Session()
        self.control.call("PUT", "ids", json={"seed": 1})

    def put(self, path: str, data: bytes | str = b"", **headers: str) -> None:
        answer = self.session.put(self.url + path, data=data, headers={**OBS, **headers}, timeout=30)
        assert answer.status_code == 200, answer.text

    def story(self) -> None:
        """From a login to a picture read by its signed URL, with names that shells and Python may stumble on."""
        user = {"name": "me", "password": "it's $HOME", "domain": {"name": "local"}}
        scope = {"project": {"name": "project"}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = self.session.post(f"{self.url}/v3/auth/tokens", json=body, timeout=30)
        self.api.session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self.put("/bucket")
        self.put("/bucket/in/a.png", picture(), **{"Content-Type": "image/png"})
        self.put("/bucket/in/b.txt", "'one'\n@two $HOME `id` \\n", **{"Content-Type": "text/plain"})
        self.put("/bucket/in/c.json", '{"a":  1}', **{"Content-Type": "application/json"})
        self.put("/bucket/empty/")
        dataset_id = self.api.create()
        self.control.call("POST", "wait-idle")
        sample_id = self.api.ids(dataset_id)["a.png"]
        self.api.label(dataset_id, {sample_id: [{"name": 'it\'s "one"\n$HOME'}]})
        self.api.call("GET", f"/{dataset_id}/data-annotations/samples?search_conditions={CONDITION}")
        version_id = self.api.call("POST", f"/{dataset_id}/versions", 201, json={})["version_id"]
        self.control.call("POST", "wait-idle")
        self.api.call("GET", f"/{dataset_id}/versions/{version_id}")
        source = self.api.samples(dataset_id)["samples"][0]["source"]
        assert self.session.get(source, timeout=30).content == picture()
        assert self.session.head(f"{self.url}/bucket/in/a.png", headers=OBS, timeout=30).status_code == 200
        self.api.refused("GET", "/none")

    def recorded(self, form: str) -> str:
        answer = self.control.send("GET", f"requests?format={form}")
        assert answer.status_code == 200
        return answer.text

    def state(self) -> Any:
        """Return the state without ids."""
        self.control.call("POST", "wait-idle")
        [dataset] = self.api.call("GET")["datasets"]
        samples = self.api.samples(dataset["dataset_id"])["samples"]
        names = {sample["sample_name"]: [each["name"] for each in sample.get("labels", ())] for sample in samples}
        text = self.session.get(f"{self.url}/bucket/in/b.txt", headers=OBS, timeout=30).text
        document = self.session.get(f"{self.url}/bucket/in/c.json", headers=OBS, timeout=30).text
        return dataset["dataset_name"], dataset["current_version_name"], names, text, document

    def close(self) -> None:
        for client in (self.session, self.control.session, self.api.session):
            client.close()


@pytest.fixture
def site() -> Iterator[RecordedSite]:
    with Emulator(Settings(port=0, data_dir=None)) as emu:
        made = RecordedSite(emu)
        yield made
        made.close()


def run(command: list[str], url: str, folder: Path, **variables: str) -> str:
    environment = {**os.environ, "MODELARTS_EMULATOR_URL": url, **variables}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def body_of_the_picture(folder: Path) -> None:
    (folder / "body").write_bytes(picture())


def test_curl_export_repeats_requests_with_the_same_ids(site: RecordedSite, tmp_path: Path) -> None:
    site.story()
    tool("curl")
    before, script = site.state(), site.recorded("curl")
    wait = f"curl -s -X POST {site.url}/_emulator/wait-idle"
    lines = [line + f" && {wait}" if line.startswith("curl") else line for line in split_commands(script)]
    for again in (False, True):
        site.control.call("POST", "reset")
        site.control.call("PUT", "ids", json={"seed": 1})
        (tmp_path / "script.sh").write_text("set -eu\n" + "\n".join(lines), "utf-8")
        body_of_the_picture(tmp_path)
        run(["sh", "script.sh"], site.url, tmp_path, TOKEN="any")
        assert site.state() == before, again
        site.recorded("curl")  # requests of curl can be exported too


def split_commands(script: str) -> list[str]:
    """Commands, which may go over several lines, and the comments before them."""
    found: list[str] = []
    for line in script.splitlines():
        if line.startswith(("# ", "curl ")):
            found.append(line)
        else:
            found[-1] += "\n" + line
    return found


@pytest.mark.parametrize("form", ["python", "pytest"])
def test_python_export_repeats_requests_with_other_ids(site: RecordedSite, tmp_path: Path, form: str) -> None:
    site.story()
    before, script = site.state(), site.recorded(form)
    script = script.replace("requests.request(", "request(") + HELPER
    site.control.call("POST", "reset")
    (tmp_path / "test_script.py").write_text(script, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    if form == "python":
        command = [sys.executable, "test_script.py"]
        lines = script.removesuffix(HELPER)
        (tmp_path / "test_script.py").write_text(lines.replace("import requests\n", "import requests\n" + HELPER, 1))
    run([*command, *(["test_script.py"] if form == "pytest" else [])], site.url, tmp_path)
    assert site.state() == before
    ids = [
        each["dataset_id"] for each in site.control.call("GET", "requests?operation=CreateDatasetVersion")["requests"]
    ]
    assert len(ids) == 1


# The user waits for tasks between the calls, as the recorded client did, and provides the picture.
HELPER = f"""

def request(method, url, **arguments):
    if arguments.get("headers", {{}}).get("content-type") == "image/png":
        arguments["data"] = {picture()!r}
    answer = requests.request(method, url, **arguments)
    requests.post(os.environ["MODELARTS_EMULATOR_URL"] + "/_emulator/wait-idle", timeout=30)
    return answer
"""


def test_python_export_runs_as_a_script(site: RecordedSite, tmp_path: Path) -> None:
    site.put("/bucket")
    site.put("/bucket/in/", b"")
    dataset_id = site.api.create(import_annotations=False)
    site.api.call("GET", f"/{dataset_id}")
    site.api.call("PUT", f"/{dataset_id}", json={"description": "new"})
    script = site.recorded("pytest")
    site.control.call("POST", "reset")
    (tmp_path / "test_script.py").write_text(script, "utf-8")
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_script.py"], site.url, tmp_path)
    [dataset] = site.api.call("GET")["datasets"]
    assert dataset["dataset_id"] != dataset_id
    assert dataset["description"] == "new"


def test_pytest_export_fails_when_an_answer_changes(site: RecordedSite, tmp_path: Path) -> None:
    site.api.call("GET")
    script = site.recorded("pytest")
    site.control.call("POST", "faults", 201, json={"status": 503})
    (tmp_path / "test_script.py").write_text(script, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_script.py"]
    with pytest.raises(AssertionError, match="503"):
        run(command, site.url, tmp_path)


def test_exports_of_an_empty_log_are_valid(site: RecordedSite, tmp_path: Path) -> None:
    assert site.recorded("curl") == ""
    for form in ("python", "pytest"):
        (tmp_path / "script.py").write_text(site.recorded(form), "utf-8")
        run([sys.executable, "script.py"], site.url, tmp_path)
    assert json.loads(site.recorded("har"))["log"]["entries"] == []


def test_exports_quote_names_that_look_like_code(site: RecordedSite, tmp_path: Path) -> None:
    """Text from a client is quoted, so that it is never executed."""
    evil = '\'; touch evil; "$(touch evil)`touch evil`\n"""\\'
    site.session.post(
        f"{site.url}/v2/{quote(evil, safe='')}/datasets?x={quote(evil)}",
        data=json.dumps({evil: evil, "password": evil}),
        headers={"X-`touch evil`": "$(touch evil)", "X-Auth-Token": "a", "Content-Type": "application/json"},
        timeout=30,
    )
    site.session.post(f"{site.url}/v2/p/datasets", data=evil.encode(), timeout=30)
    site.control.call("POST", "faults", 201, json={"status": 500, "body": {"error_code": "x\nimport evil", "e": evil}})
    site.api.session.get(site.api.base, timeout=30)
    site.control.call("DELETE", "faults", 204)
    for form, command in (("python", [sys.executable]), ("pytest", [sys.executable]), ("curl", ["sh"])):
        if shutil.which(command[0]):
            (tmp_path / form).write_text(site.recorded(form), "utf-8")
            (tmp_path / "body").touch()
            run([*command, form], site.url, tmp_path, TOKEN="any")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["body", "curl", "pytest", "python"]


def test_har_export_has_the_fields_that_browsers_need(site: RecordedSite) -> None:
    site.story()
    log = json.loads(site.recorded("har"))["log"]
    assert log["version"] == "1.2"
    requested = site.control.call("GET", "requests")["requests"]
    assert len(log["entries"]) == len(requested)
    for entry, request in zip(log["entries"], requested, strict=True):
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
        assert entry["request"]["method"] == request["method"]
        assert entry["request"]["url"] == request["url"]
        assert entry["response"]["status"] == request["status"]
        for message in (entry["request"], entry["response"]):
            assert {"httpVersion", "cookies", "headers", "headersSize", "bodySize"} <= set(message)
        assert {"size", "mimeType"} <= set(entry["response"]["content"])
