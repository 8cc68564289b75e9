"""The plugin as its users have it: test runs in processes of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelarts_emulator import Emulator
from tests.helpers.inner_pytest import passed, run

pytestmark = pytest.mark.slow


def test_plugin_unused_imports_nothing(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import sys

def test_nothing_is_loaded():
    heavy = {"flask", "werkzeug", "waitress", "tinydb", "watchdog", "PIL", "msgspec", "orjson", "sqlite3"}
    assert not heavy & set(sys.modules)
    assert not [name for name in sys.modules if name.startswith("emulator.") and "testing" not in name]
""",
    )


def test_modelarts_is_a_new_project_for_each_test(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import urllib.request

import pytest

SEEN = []

@pytest.mark.parametrize("number", range(3))
def test_clean(modelarts, modelarts_dataset, number):
    assert modelarts.call("GET", "/datasets")["total_number"] == 0
    assert list(modelarts.path().iterdir()) == []
    dataset = modelarts_dataset(2, labels={"0000.jpg": "cat"})
    modelarts.fault(status=503, operation="ListSamples")
    modelarts.transition("publish", "hold")
    dataset.call("POST", "/versions", {})
    SEEN.append((modelarts.url, modelarts.project_id, modelarts.bucket, modelarts.path(), dataset.id))

def test_gone(modelarts_emulator):
    urls, projects, buckets, folders, datasets = zip(*SEEN)
    assert set(urls) == {modelarts_emulator.url}
    assert len(set(projects)) == len(set(buckets)) == len(set(datasets)) == 3
    assert not any(folder.exists() for folder in folders)
    assert modelarts_emulator.runtime.store.entries() == []
    assert modelarts_emulator.runtime.tree.buckets() == []
    assert modelarts_emulator.control.faults.active == ()
    assert not modelarts_emulator.runtime.transitions.has_waiting
    with urllib.request.urlopen(f"{modelarts_emulator.url}/_emulator/health", timeout=10) as answer:
        assert answer.status == 200
""",
    )


def test_modelarts_dataset_accepts_every_form_of_files_and_labels(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
from pathlib import Path

import pytest

from modelarts_emulator import InvalidValue, UnknownKeyword

def test_names(modelarts_dataset):
    dataset = modelarts_dataset(["cat/1.jpg", "dog/1.jpg"], labels={"cat/1.jpg": "cat", "dog/1.jpg": ["dog", "pet"]})
    assert set(dataset.samples) == {"cat/1.jpg", "dog/1.jpg"}
    stats = dataset.call("GET", "/data-annotations/stats")["label_stats"]
    assert {each["name"]: each["count"] for each in stats} == {"cat": 1, "dog": 1, "pet": 1}

def test_contents(modelarts, modelarts_dataset, tmp_path):
    (tmp_path / "b.txt").write_text("second\\nthird\\n")
    contents = {"a.txt": "first\\n", "b.txt": tmp_path / "b.txt", "c.txt": b"fourth\\n"}
    labels = {"third": {"name": "x", "type": 100}}
    dataset = modelarts_dataset(contents, dataset_type=100, folder="texts", labels=labels)
    assert set(dataset.samples) == {"first", "second", "third", "fourth"}
    assert (modelarts.path("texts/a.txt")).read_text() == "first\\n"
    modelarts.put_file("texts/d.txt", "fifth\\n")
    assert "fifth" in dataset.refresh()

def test_boxes(modelarts_dataset):
    box = {"name": "cat", "type": 1, "property": {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [9, 9]]}}
    dataset = modelarts_dataset(1, dataset_type=1, labels={"0000.jpg": [box]}, name="boxes", description="of cats")
    described = dataset.call("GET", "")
    assert (described["dataset_name"], described["description"]) == ("boxes", "of cats")
    assert described["annotated_sample_count"] == 1
    assert dataset.publish(version_name="V1")["status"] == 1

def test_no_file_yet(modelarts, modelarts_dataset):
    dataset = modelarts_dataset(0, folder="a/b")
    assert dataset.samples == {}
    modelarts.put_file("a/b/first.jpg", b"a picture")
    assert set(dataset.refresh()) == {"first.jpg"}

def test_wrong_option_is_reported(modelarts_dataset, modelarts):
    with pytest.raises(AssertionError, match="4"):
        modelarts_dataset(1, name="not a name!")
    dataset = modelarts_dataset(1)
    with pytest.raises(InvalidValue, match="has no sample"):
        dataset.label({"nothing.jpg": "x"})
    with pytest.raises(AssertionError) as refused:
        modelarts.call("GET", "/datasets/nothing")
    assert (refused.value.status, refused.value.error_code) == (400, "ModelArts.4352")
    with pytest.raises(InvalidValue, match="Nothing"):
        modelarts.fault(operation="Nothing", status=500)
    with pytest.raises(UnknownKeyword, match="'opration' for fault; did you mean 'operation'"):
        modelarts.fault(opration="ListSamples", status=500)
    with pytest.raises(InvalidValue, match="mode 'sometimes' is not accepted"):
        modelarts.transition("publish", "sometimes")
    with pytest.raises(InvalidValue, match="kind 'publsh' is not accepted; did you mean 'publish'"):
        modelarts.transition("publsh", "hold")
    with pytest.raises(InvalidValue, match="before"):
        modelarts.transition("publish", "hold", before="COMPLTED")
    with pytest.raises(InvalidValue, match="ms must be from 0"):
        modelarts.transition("publish", "time", ms=-1)
    with pytest.raises(TypeError):
        modelarts.transition("publish", "time", msec=1)
    with pytest.raises(UnknownKeyword, match="'lables' for modelarts_dataset"):
        modelarts_dataset(1, lables={"0000.jpg": "cat"})
    with pytest.raises(UnknownKeyword, match="'dataset_typ'"):
        modelarts_dataset(1, dataset_typ=1)
    with pytest.raises(InvalidValue, match="dataset_type 7 is not accepted"):
        modelarts_dataset(1, dataset_type=7)
    with pytest.raises(UnknownKeyword, match="'version_nam' for publish"):
        dataset.publish(version_nam="V1")
    with pytest.raises(InvalidValue, match="ListSample"):
        modelarts.assert_called("ListSample")
    assert modelarts.call("GET", "/datasets")["total_number"] == 1
    with pytest.raises(Exception, match=r"\\.\\."):
        modelarts.path("../outside")

@pytest.mark.parametrize("kind", [0, 1, 100, 101, 102, 200, 201, 202, 400, 600, 900])
def test_every_type(modelarts_dataset, kind):
    dataset = modelarts_dataset(4, dataset_type=kind)
    described = dataset.call("GET", "")
    assert described["status"] == 1
    assert described["total_sample_count"] == len(dataset.samples) == 4

def test_held(modelarts, modelarts_dataset):
    dataset = modelarts_dataset(1)
    with modelarts.held("publish"):
        version_id = dataset.call("POST", "/versions", {})["version_id"]
        with pytest.raises(TimeoutError, match="publish of dataset"):
            modelarts.wait_tasks(0.05)
        with pytest.raises(TimeoutError, match="held before RUNNING"):
            modelarts.wait_idle(0.05)
        assert dataset.call("GET", f"/versions/{version_id}")["status"] == 0
    modelarts.wait_tasks()
    assert dataset.call("GET", f"/versions/{version_id}")["status"] == 1
""",
    )


def test_modelarts_cloud_connects_the_sdk(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import pytest
from openstack.exceptions import HttpException

pytestmark = pytest.mark.filterwarnings("ignore")

def test_cloud(modelarts_cloud, modelarts_dataset, modelarts):
    dataset = modelarts_dataset()
    assert [each.id for each in modelarts_cloud.modelartsv2.datasets()] == [dataset.id]
    modelarts.fault(operation="ListDatasets", status=500)
    with pytest.raises(HttpException):
        list(modelarts_cloud.modelartsv2.datasets())
""",
        # What the user has of clouds at home must not matter.
        OS_CLOUD="elsewhere",
        OS_AUTH_URL="https://elsewhere.example/v3",
        HTTP_PROXY="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )


def test_plugin_options_from_command_line_and_ini_file(tmp_path: Path) -> None:
    test = """
import json, os
from pathlib import Path

def test_settings(modelarts_emulator):
    settings = modelarts_emulator.settings
    found = [settings.sync, settings.strict_input, settings.durability, str(settings.data_dir)]
    Path(os.environ["OUT"]).write_text(json.dumps(found))
"""
    out = tmp_path / "out.json"
    for arguments, ini, expected in [
        (["--modelarts-data-dir=kept"], "", f'["auto", false, "process", "{tmp_path / "kept/main"}"]'),
        ([], "modelarts_data_dir = ini", f'["auto", false, "process", "{tmp_path / "ini/main"}"]'),
        (
            ["--modelarts-sync=auto", "--modelarts-input=strict"],
            "modelarts_sync = manual\nmodelarts_durability = full",
            '["auto", true, "full", "None"]',
        ),
    ]:
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
        passed(tmp_path, test, *arguments, OUT=str(out))
        assert out.read_text() == expected
    assert (tmp_path / "kept/main/obs").is_dir()
    (tmp_path / "pytest.ini").write_text("[pytest]\nmodelarts_sync = sometimes\n")
    refused = run(tmp_path, "test_inner.py", OUT=str(out))
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert refused.stderr.strip() == "ERROR: modelarts_sync: 'sometimes' is not one of auto, manual"


def test_pyproject_table_sets_options_below_ini_file_and_command_line(tmp_path: Path) -> None:
    test = """
import os
from pathlib import Path

def test_settings(modelarts_emulator, modelarts):
    known = modelarts_emulator.settings
    found = [known.sync, known.strict_input, known.max_loaded_samples, known.durability, sorted(known.buckets)]
    Path(os.environ["OUT"]).write_text(str(found))
"""
    out = tmp_path / "out"
    (tmp_path / "pictures").mkdir()
    table = 'sync = "manual"\nstrict = true\nmax-loaded-samples = 3\nbucket = {pictures = "pictures"}\n'
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.pytest.ini_options]\nmodelarts_durability = 'full'\n[tool.modelarts-emulator]\n{table}"
    )
    passed(tmp_path, test, OUT=str(out))
    assert out.read_text() == "['manual', True, 3, 'full', ['pictures']]"
    passed(tmp_path, test, "--modelarts-sync=auto", "--modelarts-input=lenient", OUT=str(out))
    assert out.read_text() == "['auto', False, 3, 'full', ['pictures']]"
    for line, message in [
        ("prot = 1", "unknown keyword 'prot'"),
        ('user = "a:b"', "the pytest plugin does not support user"),
        ("sync = 'often'", "'often' is not one of auto, manual"),
    ]:
        (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n[tool.modelarts-emulator]\n{line}\n")
        done = run(tmp_path, "-p", "no:cacheprovider", "test_inner.py", OUT=str(out))
        assert done.returncode != 0 and message in done.stdout + done.stderr


def test_clients_reach_the_emulator_with_a_proxy_in_the_environment(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import os
import subprocess
import sys
import requests

CODE = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)"

def test_proxy(modelarts):
    assert requests.get(f"{modelarts.endpoint}/datasets", timeout=10).status_code == 200
    command = [sys.executable, "-c", CODE, f"{modelarts.endpoint}/datasets"]
    assert subprocess.check_output(command, text=True, timeout=30) == "200\\n"
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.1"
""",
        http_proxy="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
        NO_PROXY="example.com",
        no_proxy="",
    )


def test_data_dir_option_keeps_the_data(tmp_path: Path) -> None:
    test = """
def test_one(modelarts, modelarts_dataset):
    assert modelarts.call("GET", "/datasets")["total_number"] == 0
    dataset = modelarts_dataset(2, name="kept")
    modelarts.transition("publish", "hold")
    dataset.call("POST", "/versions", {})
"""
    for _ in range(2):  # the second run finds what the first has left, and leaves it alone
        passed(tmp_path, test, "--modelarts-data-dir=kept")
    with Emulator(data_dir=tmp_path / "kept/main") as emulator:
        kept = [(entry.record.project_id, entry.record.name) for entry in emulator.runtime.store.entries()]
        assert sorted(kept) == [("project-00001", "kept"), ("project-00002", "kept")]
        assert emulator.path("bucket-00002/input-1/0001.jpg").is_file()


def test_auth_strict_accepts_only_the_accounts_of_the_fixtures(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import json, urllib.error, urllib.request
import pytest

def get(url, headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.load(answer)

@pytest.mark.parametrize("number", range(2))
def test_token(modelarts, modelarts_dataset, number):
    dataset = modelarts_dataset(1, labels={"0000.jpg": "cat"})
    assert get(dataset.url, modelarts.headers)["dataset_id"] == dataset.id
    for headers in ({}, {"X-Auth-Token": "token"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(dataset.url, headers)
        with refused.value:
            assert refused.value.code == 401

def test_token_of_another(modelarts):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{modelarts.url}/v2/project-00001/datasets", modelarts.headers)
    with refused.value:
        assert refused.value.code in (401, 403)

def test_sdk(request, modelarts_dataset):
    dataset = modelarts_dataset()
    assert [each.id for each in request.getfixturevalue("modelarts_cloud").modelartsv2.datasets()] == [dataset.id]

def test_keys(modelarts):
    import boto3
    modelarts.put_file("in/a.txt", "a text")
    client = boto3.client("s3", endpoint_url=modelarts.url, region_name="eu-de", aws_access_key_id=modelarts.access_key,
                          aws_secret_access_key=modelarts.secret_key)
    assert client.list_objects_v2(Bucket=modelarts.bucket)["KeyCount"] == 1
    client.close()
""",
        "--modelarts-auth=strict",
        "-W",
        "ignore",
    )


def test_fixture_calls_are_not_logged_and_meet_no_faults(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import urllib.error, urllib.request
import pytest

def test_calls(modelarts, modelarts_dataset):
    modelarts.fault(operation="ListSamples", status=503, times=1)
    dataset = modelarts_dataset()
    assert dataset.call("GET", "/data-annotations/samples")["sample_count"] == 3
    assert modelarts.requests() == []
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{dataset.url}/data-annotations/samples", timeout=10)
    refused.value.close()
    assert [(each.operation, each.status) for each in modelarts.requests()] == [("ListSamples", 503)]
    modelarts.transition("publish", "polls", polls=2)
    version_id = dataset.call("POST", "/versions", {})["version_id"]
    for _ in range(5):
        assert dataset.call("GET", f"/versions/{version_id}")["status"] == 0
""",
    )


def test_failed_test_report_has_the_requests(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(
        """
import urllib.request

def test_failing(modelarts, modelarts_dataset):
    urllib.request.urlopen(f"{modelarts.endpoint}/datasets?limit=7", timeout=10).close()
    assert 0

def test_silent(modelarts_dataset):
    assert 0

def test_passing(modelarts):
    urllib.request.urlopen(f"{modelarts.endpoint}/datasets?limit=8", timeout=10).close()

def test_without():
    assert 0
"""
    )
    said = run(tmp_path, "-p", "no:cacheprovider", "test_inner.py").stdout
    assert "3 failed, 1 passed" in said
    assert said.count("ModelArts requests") == 1
    assert re.search(r"GET http://127.0.0.1:\d+/v2/project-00001/datasets\?limit=7 -> 200 \(ListDatasets\)", said)
    assert "limit=8" not in said


def test_shared_state_is_restored_after_a_test(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
import time
from modelarts_emulator.control.fault_injection import Fault
from modelarts_emulator.jobs.transitions import TransitionMode, TransitionRule
import pytest

@pytest.fixture(scope="module")
def mine(modelarts_emulator):
    modelarts_emulator.control.faults.add_fault(Fault(status=418, path="/nowhere"))
    return modelarts_emulator.control.faults.active[0].id

@pytest.mark.parametrize("number", range(2))
def test_changed(modelarts_emulator, mine, modelarts, number):
    runtime, faults = modelarts_emulator.runtime, modelarts_emulator.control.faults
    assert abs(runtime.clock.now_ms() - time.time() * 1000) < 60_000
    assert not runtime.clock.is_frozen and not runtime.ids.is_seeded
    assert [each.id for each in faults.active] == [mine]
    assert runtime.transitions.rules()["publish"].mode is TransitionMode.IMMEDIATE
    modelarts.clock.freeze()
    modelarts.clock.advance(10 ** 9)
    runtime.ids.seed(1)
    faults.add_fault(Fault(status=500))
    runtime.transitions.put({"publish": TransitionRule(mode=TransitionMode.HOLD)})
""",
    )


def test_concurrent_projects_are_independent(tmp_path: Path) -> None:
    passed(
        tmp_path,
        """
from concurrent.futures import ThreadPoolExecutor
from modelarts_emulator.testing.dataset import create_dataset
from modelarts_emulator.testing.project import ProjectFactory
import pytest

def test_threads(modelarts_emulator):
    projects = ProjectFactory(modelarts_emulator)

    def one(number):
        with projects.one() as project:
            dataset = create_dataset(project, 5, {"0000.jpg": "cat"})
            if number % 2:
                project.fault(status=500)
                project.transition("publish", "hold")
                dataset.call("POST", "/versions", {})
                with pytest.raises(TimeoutError):
                    project.wait_idle(0.02)
            else:
                project.put_file("input-1/new.jpg", b"no picture")
                project.wait_idle()
                assert dataset.publish()["total_sample_count"] == 6
            assert project.call("GET", "/datasets")["total_number"] == 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(80)))
    assert modelarts_emulator.runtime.store.entries() == []
    assert modelarts_emulator.runtime.tree.buckets() == []
""",
    )


def test_run_leaves_no_threads_sockets_or_files(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("""
import threading

def pytest_unconfigure():
    print("threads at the end:", *(thread.name for thread in threading.enumerate()))
""")
    said = passed(
        tmp_path,
        """
import threading
from pathlib import Path

import pytest

def watches():
    files = Path("/proc/self/fdinfo").iterdir()
    return sum(text.count("inotify wd") for file in files if (text := read(file)))

def read(file):
    try:
        return file.read_text()
    except OSError:
        return ""

def sockets():
    names = []
    for file in Path("/proc/self/fd").iterdir():
        try:
            names.append(str(file.readlink()))
        except OSError:
            pass
    return sum(name.startswith("socket:") for name in names)

@pytest.fixture(scope="module")
def before(modelarts_emulator):
    modelarts_emulator.wait_idle()
    return threading.active_count(), watches(), sockets()

@pytest.mark.parametrize("number", range(5))
def test_one(before, modelarts_dataset, number):
    dataset = modelarts_dataset(5, labels={"0000.jpg": "cat"})
    dataset.publish()
    dataset.refresh()
    assert watches() > before[1]

def test_after(before, modelarts_emulator):
    modelarts_emulator.wait_idle()
    threads, watched, open_sockets = before
    # Workers for tasks come as they are needed, and stay until the end.
    assert threading.active_count() <= threads + 5
    assert watches() == watched
    assert sockets() == open_sockets
""",
    )
    assert "threads at the end: MainThread" in said
    for folder in ("temporary", "home"):
        assert list((tmp_path / folder).iterdir()) == []
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"base", "temporary", "home", "test_inner.py", "conftest.py"}
    assert not list((tmp_path / "base").glob("modelarts-emulator*/*"))
