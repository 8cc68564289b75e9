"""Damage of a data directory never prevents a start: it is reported, and costs one dataset at most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from modelarts_emulator.store import doctor
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.object_calls import begin, call
from tests.helpers.pictures import picture


def _write(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes(data) and None


def _truncate(name: str) -> Callable[[Path], None]:
    def truncate(root: Path) -> None:
        with (root / name).open("rb+") as file:
            file.truncate((root / name).stat().st_size // 2)

    return truncate


def _change_id(root: Path) -> None:
    folder = min((root / "datasets").iterdir())
    folder.rename(folder.with_name("f" * 19))


DAMAGE = {
    "index not UTF-8": (_write("index.json", b'{"meta":{"1":{"format":1}},"datasets":{"1":{"\xff"}}}'), 2),
    "index truncated": (_truncate("index.json"), 2),
    "metadata truncated": (_truncate("object-metadata.sqlite"), 2),
    "metadata other file": (_write("object-metadata.sqlite", b"x" * 9999), 2),
    "signing key not ASCII": (_write("signing-key", b"\xff\xfe:\n"), 2),
    "signing key empty": (_write("signing-key", b""), 2),
    "tokens not UTF-8": (_write("tokens", b'{"id":"a"\xff}\n{'), 2),
    "changed id": (_change_id, 1),
}


@pytest.mark.parametrize(("spoil", "left"), DAMAGE.values(), ids=DAMAGE.keys())
def test_start_with_damage_reports_it_and_keeps_the_other_datasets(
    tmp_path: Path, bucket: Path, spoil: Callable[[Path], None], left: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, durability="process")
    (bucket / "in/a.png").write_bytes(picture())
    with Emulator(settings) as emulator:
        api = Api(emulator.url)
        for name in ("one", "two"):
            dataset_id = api.dataset(dataset_name=name)
            api.label(dataset_id, {each: [{"name": "cat"}] for each in api.ids(dataset_id).values()})
        api.session.close()
    spoil(tmp_path / "data")
    report = doctor.examine(tmp_path / "data", {"bucket": bucket})
    assert not report.is_healthy
    caplog.clear()
    with Emulator(settings) as emulator:
        api = Api(emulator.url)
        found = [each["dataset_id"] for each in api.call("GET", "?limit=100")["datasets"]]
        assert len(found) == left
        for dataset_id in found:
            assert [[i["name"] for i in s["labels"]] for s in api.samples(dataset_id)["samples"]] == [["cat"]]
        assert api.session.get(f"{emulator.url}/bucket/in/a.png", timeout=10).content == picture()
        api.session.close()
    assert any(each.levelname in ("WARNING", "ERROR") for each in caplog.records)


def test_damaged_upload_and_snapshot_are_reported(
    tmp_path: Path, bucket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, durability="process")
    with Emulator(settings) as emulator:
        Api(emulator.url).dataset()
        upload = begin(emulator)
        Control(emulator.url).call("PUT", "snapshots/one")
    assert doctor.examine(tmp_path / "data", {"bucket": bucket}).is_healthy
    (checkpoint,) = (tmp_path / "data/snapshots/one/datasets").glob("*/dataset.json")
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"dataset-457f", b"dataset-457g", 1))
    description = tmp_path / "data/uploads" / upload / "upload.json"
    description.write_bytes(description.read_bytes().replace(b"big", b"b\xffg", 1))
    problems = doctor.examine(tmp_path / "data", {"bucket": bucket}).problems
    assert {(each.path, each.kind) for each in problems} == {
        (checkpoint.relative_to(tmp_path / "data").as_posix(), "damaged"),
        (f"uploads/{upload}/upload.json", "damaged"),
    }
    with Emulator(settings) as emulator:
        assert f"{description} is damaged" in caplog.text
        assert call(emulator, "GET", "/bucket?uploads").status_code == 200
        assert "checksum" in Control(emulator.url).refused("POST", "snapshots/one")
