"""Record a client against one emulator, and compare the recording with another one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator import Emulator
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.recorder.comparison import Difference, compare, operation_of
from modelarts_emulator.recorder.proxy import RecordingProxy
from modelarts_emulator.recorder.recording import RecordingWriter, read_recording
from modelarts_emulator.util.http_client import Client
from modelarts_emulator.web import WebServer
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

pytestmark = pytest.mark.slow


def story(url: str) -> None:
    """Do what a client does: log in, upload, make a dataset, label, publish, download."""
    user = {"name": "me", "domain": {"name": "local"}, "password": "do-not-keep-me"}
    login = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    answer = requests.post(f"{url}/v3/auth/tokens", json=login, timeout=30)
    token = {"X-Auth-Token": answer.headers["X-Subject-Token"], "Authorization": "any"}
    for name in ("in/1.png", "in/2.png"):
        assert requests.put(f"{url}/bucket/{name}", data=picture(), headers=token, timeout=30).status_code == 200
    api = Api(url)
    api.session.headers.update(token)
    dataset_id = api.dataset(import_annotations=True)
    ids = api.ids(dataset_id)
    api.label(dataset_id, {ids["1.png"]: [{"name": "cat"}]})
    api.publish(dataset_id)
    source = api.samples(dataset_id)["samples"][0]["source"]
    assert source.startswith(url)
    assert requests.get(source, timeout=30).content == picture()
    api.refused("GET", "/no-such-dataset")
    api.session.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of the story."""
    path = tmp_path / "story.jsonl"
    with Emulator() as upstream, RecordingWriter(path, upstream.url) as writer:
        upstream.create_bucket("bucket")
        for folder in ("in", "out"):
            (upstream.path("bucket") / folder).mkdir()
        with RecordingProxy(upstream.url, writer) as proxy:
            server = WebServer(proxy, "127.0.0.1", 0)
            server.start()
            try:
                story(f"http://127.0.0.1:{server.addresses[0][1]}")
            finally:
                server.stop()
    return path


@pytest.fixture
def second() -> Iterator[Emulator]:
    """Another emulator, with the same buckets."""
    with Emulator() as emulator:
        emulator.create_bucket("bucket")
        for folder in ("in", "out"):
            (emulator.path("bucket") / folder).mkdir()
        yield emulator


def differences(path: Path, emulator: Emulator) -> list[Difference]:
    with Client(emulator.url) as client:
        return list(compare(read_recording(path), client))


def test_recording_has_every_exchange_and_no_secret(recording: Path) -> None:
    text = recording.read_text("utf-8")
    assert "do-not-keep-me" not in text
    assert "Signature=***" in text
    operations = {operation_of(each.method, each.path) for each in read_recording(recording)}
    assert {"CreateDataset", "ListSamples", "UpdateSamples", "CreateDatasetVersion", "PUT object"} <= operations
    assert recording.stat().st_mode & 0o077 == 0


def test_equal_emulator_has_no_differences(recording: Path, second: Emulator) -> None:
    assert differences(recording, second) == []


def test_deliberate_differences_are_listed_by_operation_and_member(recording: Path, second: Emulator) -> None:
    def changed(line: str) -> str:
        exchange = json.loads(line)
        if exchange.get("method") == "PUT" and "data-annotations/samples" in exchange["path"]:
            exchange["response"]["text"] = json.dumps({**json.loads(exchange["response"]["text"]), "trace": 1})
        elif "no-such-dataset" in exchange.get("path", ""):
            exchange["status"] = 404
        elif operation_of(exchange.get("method", ""), exchange.get("path", "")) == "DescDataset":
            body = {**json.loads(exchange["response"]["text"]), "total_sample_count": "2", "dataset_type": 1}
            exchange["response"]["text"] = json.dumps(body)
        return json.dumps(exchange)

    lines = recording.read_text("utf-8").splitlines()
    recording.write_text("\n".join(map(changed, lines)) + "\n", "utf-8")
    found = {(each.operation, each.member, each.kind) for each in differences(recording, second)}
    assert found == {
        ("UpdateSamples", "trace", "missing"),
        ("DescDataset", "total_sample_count", "type"),
        ("DescDataset", "dataset_type", "value"),
        ("DescDataset", "(status)", "status"),
    }


def test_fault_in_the_emulator_is_a_difference(recording: Path, second: Emulator) -> None:
    fault: dict[str, Any] = {"operation": "UpdateSamples", "status": 503, "times": 1}
    requests.post(f"{second.url}/_emulator/faults", json=fault, timeout=30).raise_for_status()
    assert Difference("UpdateSamples", "(status)", "status", 200, 503) in differences(recording, second)


def test_service_that_does_not_answer_is_502_and_is_not_recorded(tmp_path: Path) -> None:
    with (
        RecordingWriter(tmp_path / "r.jsonl", "http://127.0.0.1:1") as writer,
        RecordingProxy("http://127.0.0.1:1", writer) as proxy,
    ):
        server = WebServer(proxy, "127.0.0.1", 0)
        server.start()
        answer = requests.get(f"http://127.0.0.1:{server.addresses[0][1]}/v2/p/datasets", timeout=30)
        server.stop()
    assert answer.status_code == 502
    assert writer.count == 0


@pytest.mark.parametrize("text", ["", "{}\n", '{"recording": 99, "upstream": "x"}\n', "\xff\n"])
def test_file_that_is_not_a_recording_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r").write_text(text, "latin-1")
    with pytest.raises(UsageError):
        list(read_recording(tmp_path / "r"))


def test_recorded_path_that_is_a_url_is_refused(recording: Path) -> None:
    lines = recording.read_text("utf-8").splitlines()
    lines[1] = lines[1].replace('"path":"/', '"path":"//elsewhere.example/', 1)
    recording.write_text("\n".join(lines), "utf-8")
    with pytest.raises(UsageError, match="line 2"):
        list(read_recording(recording))


def test_existing_file_is_not_overwritten(recording: Path) -> None:
    before = recording.read_bytes()
    with pytest.raises(UsageError, match="File exists"):
        RecordingWriter(recording, "http://127.0.0.1:1")
    assert recording.read_bytes() == before


def test_commands_record_and_compare(tmp_path: Path, second: Emulator) -> None:
    file = tmp_path / "story.jsonl"
    with Emulator() as upstream:
        upstream.create_bucket("bucket")
        for folder in ("in", "out"):
            (upstream.path("bucket") / folder).mkdir()
        program = [sys.executable, "-u", "-m", "modelarts_emulator"]
        command = [*program, "record", "--upstream", upstream.url, "--port", "0", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            story(process.stdout.readline().rpartition(" ")[2].strip())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert f"exchanges in {file}" in process.stdout.read()
    compared = [*program, "compare", str(file), "--url", second.url]
    done = subprocess.run(compared, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "no differences\n"), done.stderr
    again = subprocess.run(compared, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 1
    assert "CreateDataset: (status): status: 201 -> 400" in again.stdout  # the name is taken now
    poll(lambda: process.poll() is not None, "the recorder has ended")
