"""A kill while an upload in parts is completed: the acknowledged parts are still there, and completing again works."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from modelarts_emulator.store import doctor
from tests.helpers.killing import run_until_killed
from tests.helpers.object_calls import begin, call, complete, get, listed, part

pytestmark = pytest.mark.slow

DATA = b"a" * 102_400
COMPLETE = """
from types import SimpleNamespace
from tests.helpers.object_calls import begin, complete, part
server = SimpleNamespace(url=url)
upload = begin(server)
etags = [part(server, upload, number, b"a" * 102_400).headers["ETag"] for number in (1, 2)]
arm()
complete(server, upload, list(enumerate(etags, 1)))
"""
ABORT = """
from types import SimpleNamespace
from tests.helpers.object_calls import begin, call, part
server = SimpleNamespace(url=url)
upload = begin(server)
part(server, upload, 1, b"a" * 102_400)
arm()
call(server, "DELETE", f"/bucket/big.bin?uploadId={upload}")
"""

BEGIN = """
from types import SimpleNamespace
from tests.helpers.object_calls import begin
arm()
begin(SimpleNamespace(url=url))
"""


def settings(tmp_path: Path, bucket: Path) -> Settings:
    return Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket})


def uploads(server: Any) -> list[str]:
    return listed(call(server, "GET", "/bucket?uploads"), "Upload", "UploadId")


@pytest.mark.parametrize(
    ("where", "moment"),
    [
        ("modelarts_emulator.s3.multipart:claim", "after"),
        ("modelarts_emulator.s3.multipart:write_object", "after"),
        ("modelarts_emulator.obs.metadata:MetadataStore.put", "after"),
    ],
)
def test_complete_that_is_killed_keeps_the_acknowledged_parts(
    tmp_path: Path, bucket: Path, where: str, moment: str
) -> None:
    run_until_killed(COMPLETE, tmp_path / "data", bucket, where=where, moment=moment)
    kinds = [(each.path, each.kind) for each in doctor.examine(tmp_path / "data", {"bucket": bucket}).problems]
    assert [kind for path, kind in kinds if path.startswith("uploads/")] == ["torn"]
    with Emulator(settings(tmp_path, bucket)) as emulator:
        server = SimpleNamespace(url=emulator.url)
        (upload,) = uploads(server)
        answer = call(server, "GET", f"/bucket/big.bin?uploadId={upload}")
        etags = listed(answer, "Part", "ETag")
        assert len(etags) == 2
        assert complete(server, upload, list(enumerate(etags, 1))).status_code == 200
        assert get(server, "big.bin").content == DATA * 2
        assert uploads(server) == []
        assert list((tmp_path / "data/uploads").iterdir()) == []


@pytest.mark.parametrize("script", [COMPLETE, ABORT], ids=["complete", "abort"])
def test_ended_upload_whose_parts_are_being_removed_is_not_given_back(
    tmp_path: Path, bucket: Path, script: str
) -> None:
    run_until_killed(script, tmp_path / "data", bucket, where="shutil:rmtree")
    problems = doctor.repair(tmp_path / "data", {"bucket": bucket}).repaired
    assert [each.kind for each in problems if each.path.startswith("uploads/")] == ["leftover"]
    with Emulator(settings(tmp_path, bucket)) as emulator:
        assert uploads(emulator) == []
        answer = get(emulator, "big.bin")
        assert answer.content == DATA * 2 if script is COMPLETE else answer.status_code == 404
        assert list((tmp_path / "data/uploads").iterdir()) == []


def test_part_that_was_being_stored_is_removed_at_the_start(tmp_path: Path, bucket: Path) -> None:
    with Emulator(settings(tmp_path, bucket)) as emulator:
        upload = begin(emulator)
        part(emulator, upload, 1, DATA)
    folder = tmp_path / "data/uploads" / upload
    (folder / ".2.77").write_bytes(b"half")
    (tmp_path / "data/uploads" / ("0" * 32)).mkdir()
    with Emulator(settings(tmp_path, bucket)) as emulator:
        assert uploads(emulator) == [upload]
    assert len(list(folder.iterdir())) == 2
    assert [each.name for each in folder.parent.iterdir()] == [upload]


@pytest.mark.parametrize("where", ["modelarts_emulator.s3.multipart_store:replace_file", "msgspec.json:encode"])
def test_upload_that_is_killed_while_it_begins_leaves_nothing(tmp_path: Path, bucket: Path, where: str) -> None:
    run_until_killed(BEGIN, tmp_path / "data", bucket, where=where)
    kinds = [(each.path, each.kind) for each in doctor.examine(tmp_path / "data", {"bucket": bucket}).problems]
    assert [kind for path, kind in kinds if path.startswith("uploads/")] == ["leftover"]
    with Emulator(settings(tmp_path, bucket)) as emulator:
        assert uploads(SimpleNamespace(url=emulator.url)) == []
        assert list((tmp_path / "data/uploads").iterdir()) == []
