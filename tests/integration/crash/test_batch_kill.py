"""A kill in the middle of a batch leaves it whole or not at all, files included, and the request can be repeated."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from modelarts_emulator.store import doctor
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.killing import run_until_killed
from tests.helpers.pictures import picture

pytestmark = pytest.mark.slow

NAMES = [f"{number}.png" for number in range(4)]
CAT = [{"name": "cat"}]


class State(NamedTuple):
    """The labels of each sample, the labels of the dataset, and the files in its input."""

    samples: dict[str, list[str]]
    files: list[str]


def settings(tmp_path: Path, bucket: Path, sync: str = "auto") -> Settings:
    return Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, sync=sync)


def shown(place: str) -> str:
    return place.rpartition(":")[2].rpartition(".")[2]


def state(api: Api, dataset_id: str, bucket: Path) -> State:
    found = api.samples(dataset_id)["samples"]
    samples = {each["sample_name"] + (each.get("data") or ""): [i["name"] for i in each["labels"]] for each in found}
    return State(samples, sorted(path.name for path in (bucket / "in").iterdir()))


class Batch(NamedTuple):
    """A request that changes samples and files: as Python code for the child, and for the test itself."""

    script: str
    has_files_at_first: bool
    members: dict[str, Any]


UPLOAD = Batch(
    """
import base64
data = base64.b64encode(picture()).decode()
samples = [{"name": f"{n}.png", "data": data, "labels": [{"name": "cat"}]} for n in range(4)]
api.call("POST", f"/{dataset_id}/data-annotations/samples", json={"samples": samples})
""",
    False,
    {},
)
DELETE = Batch(
    """
body = {"samples": list(api.ids(dataset_id).values()), "delete_source": True}
api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json=body)
""",
    True,
    {},
)
DELETE_LABEL = Batch(
    """
api.call("DELETE", f"/{dataset_id}/data-annotations/labels/cat?delete_source=true", 204)
""",
    True,
    {},
)
IMPORT = Batch(
    """
body = {"import_path": "/bucket/source/", "import_annotations": True}
task = api.call("POST", f"/{dataset_id}/import-tasks", json=body)["task_id"]
control.call("POST", "wait-idle")
""",
    False,
    {},
)
TEXT_UPLOAD = Batch(
    """
import base64
data = base64.b64encode(b"one\\ntwo\\nthree\\n").decode()
samples = [{"name": "a.txt", "data": data, "labels": [{"name": "cat"}]}]
api.call("POST", f"/{dataset_id}/data-annotations/samples", json={"samples": samples})
""",
    False,
    {"dataset_type": 100},
)
TEXT_IMPORT = IMPORT._replace(members={"dataset_type": 100})
TABLE_IMPORT = IMPORT._replace(members={"dataset_type": 400})

WRITE, COMMIT = "modelarts_emulator.obs.object_tree:ObjectTree.write", "modelarts_emulator.store.store:Store._commit"
UNLINK = "modelarts_emulator.obs.object_tree:ObjectTree.delete"
READ = "modelarts_emulator.ingest.sync_lines:LineSync.read"
MERGE = "modelarts_emulator.ingest.pipeline:ensure_labels"
KILLS = [
    ("upload", UPLOAD, WRITE, 1, "after"),
    ("upload", UPLOAD, WRITE, 3, "before"),
    ("upload", UPLOAD, WRITE, 4, "after"),
    ("upload", UPLOAD, "modelarts_emulator.ingest.upload:commit", 1, "after"),
    ("delete", DELETE, COMMIT, 1, "after"),
    ("delete", DELETE, UNLINK, 1, "before"),
    ("delete", DELETE, UNLINK, 2, "after"),
    ("delete", DELETE, UNLINK, 4, "after"),
    ("delete label", DELETE_LABEL, UNLINK, 1, "before"),
    ("delete label", DELETE_LABEL, UNLINK, 2, "after"),
    ("import", IMPORT, WRITE, 1, "after"),
    ("import", IMPORT, WRITE, 3, "before"),
    ("import", IMPORT, WRITE, 4, "after"),
    ("import", IMPORT, "modelarts_emulator.ingest.import_files:FileImport._count_batch", 1, "before"),
    ("text upload", TEXT_UPLOAD, WRITE, 1, "after"),
    ("text upload", TEXT_UPLOAD, READ, 1, "after"),
    ("text import", TEXT_IMPORT, WRITE, 1, "after"),
    ("text import", TEXT_IMPORT, READ, 1, "after"),
    ("text import", TEXT_IMPORT, MERGE, 1, "before"),
    ("table import", TABLE_IMPORT, WRITE, 1, "after"),
    ("table import", TABLE_IMPORT, READ, 1, "before"),
]


def fill(bucket: Path, batch: Batch) -> None:
    """Create the source of an import, and the files of the samples to be deleted."""
    (bucket / "source").mkdir()
    kind = batch.members.get("dataset_type", 0)
    for name in NAMES if kind == 0 else ():
        (bucket / "source" / name).write_bytes(picture())
        if batch.has_files_at_first:
            (bucket / "in" / name).write_bytes(picture())
    if kind == 0:
        for name in NAMES:
            (bucket / "source" / f"{name[:-4]}.txt").write_text("cat\n")
    elif kind == 100:
        (bucket / "source/a.txt").write_text("one\ntwo\nthree\n")
        (bucket / "source/a_result.txt").write_text("cat\ncat\ncat\n")
    else:
        (bucket / "source/a.csv").write_text("1,2\n3,4\n")


def run_here(emulator: Emulator, api: Api, dataset_id: str, batch: Batch) -> None:
    names = {"api": api, "dataset_id": dataset_id, "control": Control(emulator.url), "picture": picture}
    exec(batch.script, {**names, "base64": base64})  # the code that the child runs


@pytest.mark.parametrize("sync", ["auto", "manual"])
@pytest.mark.parametrize(
    ("batch", "where", "turn", "moment"),
    [each[1:] for each in KILLS],
    ids=[f"{name} {shown(where)} {turn} {moment}" for name, _, where, turn, moment in KILLS],
)
def test_batch_that_is_killed_is_whole_or_not_at_all(
    tmp_path: Path, bucket: Path, batch: Batch, where: str, turn: int, moment: str, sync: str
) -> None:
    fill(bucket, batch)
    with Emulator(settings(tmp_path, bucket, sync)) as emulator:
        api = Api(emulator.url)
        dataset_id = api.dataset(**batch.members)
        if batch.has_files_at_first:
            api.label(dataset_id, dict.fromkeys(api.ids(dataset_id).values(), CAT))
        before = state(api, dataset_id, bucket)
    begin = f"api, control, dataset_id = Api(url), Control(url), {dataset_id!r}\narm()\n"
    run_until_killed(begin + batch.script, tmp_path / "data", bucket, where=where, turn=turn, moment=moment, sync=sync)
    with Emulator(settings(tmp_path, bucket, sync)) as emulator:
        api = Api(emulator.url)
        left = state(api, dataset_id, bucket)
        # The same request succeeds, and its outcome is the whole batch.
        if left == before:
            run_here(emulator, api, dataset_id, batch)
            whole = state(api, dataset_id, bucket)
            assert whole != before
        else:
            whole = expected(batch, before)
            assert left == whole
        api.session.close()
    report = doctor.examine(tmp_path / "data", {"bucket": bucket})
    assert {each.kind for each in report.problems} <= {"orphan", "leftover"}, report.problems


def expected(batch: Batch, before: State) -> State:
    if batch.has_files_at_first:
        return State({}, [])
    if batch.members.get("dataset_type") == 100:
        return State({f"a.txt{line}": ["cat"] for line in ("one", "two", "three")}, ["a.txt"])
    if batch.members.get("dataset_type") == 400:
        return before
    return State({name: ["cat"] for name in NAMES}, NAMES)


def test_doctor_reports_a_batch_that_was_killed(tmp_path: Path, bucket: Path) -> None:
    fill(bucket, UPLOAD)
    with Emulator(settings(tmp_path, bucket)) as emulator:
        dataset_id = Api(emulator.url).dataset()
    begin = f"api, control, dataset_id = Api(url), Control(url), {dataset_id!r}\narm()\n"
    run_until_killed(begin + UPLOAD.script, tmp_path / "data", bucket, where=WRITE, turn=2, moment="after")
    problems = doctor.examine(tmp_path / "data", {"bucket": bucket}).problems
    assert [(each.path, each.kind) for each in problems if "interrupted upload, import" in each.text] == [
        (f"datasets/{dataset_id}", "torn")
    ]


Change = Callable[[Path], None]


@pytest.mark.parametrize("when", ["before", "after"])
def test_file_of_another_writer_is_never_removed_with_a_killed_batch(tmp_path: Path, bucket: Path, when: str) -> None:
    """The file has a name of the batch, but it was there before the batch, or was dropped after the kill."""
    fill(bucket, UPLOAD)
    own = picture(99, 99)
    with Emulator(settings(tmp_path, bucket)) as emulator:
        dataset_id = Api(emulator.url).dataset()
    place = bucket / "in/3.png"
    drop = f"Path({str(place)!r}).write_bytes(picture(99, 99))\n" if when == "before" else ""
    begin = f"api, control, dataset_id = Api(url), Control(url), {dataset_id!r}\n{drop}arm()\n"
    where = (WRITE, 3) if when == "before" else (WRITE, 4)
    run_until_killed(begin + UPLOAD.script, tmp_path / "data", bucket, where=where[0], turn=where[1], moment="after")
    if when == "after":
        place.write_bytes(own)
    with Emulator(settings(tmp_path, bucket)) as emulator:
        assert state(Api(emulator.url), dataset_id, bucket) == State({"3.png": []}, ["3.png"])
        assert place.read_bytes() == own


def test_sample_whose_file_cannot_be_removed_is_kept_with_its_labels(tmp_path: Path, bucket: Path) -> None:
    fill(bucket, DELETE)
    with Emulator(settings(tmp_path, bucket, "manual")) as emulator:
        api = Api(emulator.url)
        dataset_id = api.dataset()
        ids = api.ids(dataset_id)
        api.label(dataset_id, dict.fromkeys(ids.values(), CAT))
        (bucket / "in/2.png").unlink()
        (bucket / "in/2.png").mkdir()
        body = {"samples": list(ids.values()), "delete_source": True}
        answer = api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json=body)
        assert [each["success"] for each in answer["results"]] == [name != "2.png" for name in ids]
        assert state(api, dataset_id, bucket) == State({"2.png": ["cat"]}, ["2.png"])
        answer = api.call("DELETE", f"/{dataset_id}/data-annotations/labels/cat?delete_source=true", 400)
        assert state(api, dataset_id, bucket) == State({"2.png": []}, ["2.png"])
        api.session.close()
