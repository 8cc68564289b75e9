"""The doctor: it sees what is wrong, changes nothing unasked, and mends what is safe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.__main__ import main
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.wire import VersionStatus
from modelarts_emulator.obs.metadata import Metadata, MetadataStore
from modelarts_emulator.obs.object_tree import ObjectStat
from modelarts_emulator.server import Emulator
from modelarts_emulator.store import ExpectedFiles, VersionRecord, doctor
from modelarts_emulator.store.indexed_fields import encode_sample
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.stores import ID, abandon, dataset, opened, sample

OTHER = "e" * 19


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two datasets at rest, the first with a version; the samples of both lie in ``obs/bkt/in``."""
    root = tmp_path / "data"
    objects = root / "obs/bkt/in"
    objects.mkdir(parents=True)
    store = opened(root)
    for dataset_id in (ID, OTHER):
        store.create(dataset(dataset_id[:1], dataset_id))
        for turn in range(2):
            with store.writing(dataset_id) as writer:
                writer.put_samples(sample(n, path=f"bkt/in/{n}.png") for n in range(turn * 3, turn * 3 + 3))
            store.checkpoint(dataset_id)
    with store.writing(ID) as writer:
        writer.put_sample(sample(9, path="bkt/in/9.png", deleted=True))
        status = VersionStatus.RUNNING
        writer.put_version(
            VersionRecord(version_id="v", version_name="V001", status=status, create_time=1, update_time=1)
        )
        record = writer.record
        record.data_sources = []
        record.inner_work_path = "/bkt/in/"
        writer.put_record(record)
    store.save_version(ID, "v", map(encode_sample, [sample(1)]))
    store.close()
    for number in range(6):
        (objects / f"{number}.png").write_bytes(picture())
    return root


def looks(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }


def found(root: Path) -> list[tuple[str, str, bool]]:
    return [(each.path, each.kind, each.repairable) for each in doctor.examine(root, {}).problems]


def test_doctor_healthy_directory_has_no_faults_and_is_unchanged(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = looks(root)
    assert main(["doctor", str(root)]) == 0
    assert looks(root) == before
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == f"data directory {root}: 2 datasets"
    assert lines[1].startswith(f"dataset {ID} d: 7 samples (1 deleted), 0 labels, 1 versions; 5 files, ")
    assert lines[1].endswith("bytes, format 1")
    assert lines[-1] == "no faults"


def test_doctor_json_report_has_datasets_and_problems(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "datasets" / ID / "dataset.json.tmp").write_bytes(b"half")
    assert main(["doctor", "--json", str(root)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in report["datasets"]] == [ID, OTHER]
    assert report["datasets"][0]["files"][0] == {
        "path": f"datasets/{ID}/dataset.json",
        "size": (root / "datasets" / ID / "dataset.json").stat().st_size,
        "format": 1,
    }
    assert report["problems"] == [
        {
            "path": f"datasets/{ID}/dataset.json.tmp",
            "kind": "leftover",
            "text": "an interrupted write",
            "repairable": True,
        }
    ]


def _append(path: str, data: bytes) -> Callable[[Path], None]:
    def append(root: Path) -> None:
        with (root / path).open("ab") as file:
            file.write(data)

    return append


def _write(path: str, data: bytes = b"x") -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return write


def _kill_while_writing(root: Path) -> None:
    store = opened(root)
    for number in (1, 2):
        with store.writing(ID) as writer:
            writer.put_sample(sample(number, "a", path=f"bkt/in/{number}.png"))
    abandon(store)
    journal = sorted((root / "datasets" / ID).glob("journal-*"))[-1]
    journal.write_bytes(journal.read_bytes()[:-5])


def _truncated_metadata(root: Path) -> None:
    _metadata(root, 300)
    with (root / "object-metadata.sqlite").open("rb+") as file:
        file.truncate(5_000)


def _flipped_metadata(root: Path) -> None:
    _metadata(root, 3)
    file = root / "object-metadata.sqlite"
    file.write_bytes(file.read_bytes().replace(b"jpeg", b"jqeg", 1))


def _metadata(root: Path, number: int) -> None:
    store = MetadataStore(root / "object-metadata.sqlite")
    for index in range(number):
        store.put(f"bkt/in/{index}.jpg", ObjectStat(1, 2), Metadata("0" * 32, "image/jpeg"))
    store.close()


FOLDER = f"datasets/{ID}"
MENDED: list[tuple[Callable[[Path], None], str, str]] = [
    (_kill_while_writing, f"{FOLDER}/journal-3.jsonl", "torn"),
    (_write(f"{FOLDER}/dataset.json", b"{"), f"{FOLDER}/dataset.json", "damaged"),
    (_write(f"{FOLDER}/dataset.previous.json", b"{"), f"{FOLDER}/dataset.previous.json", "damaged"),
    (_write(f"{FOLDER}/journal-0.jsonl", b""), f"{FOLDER}/journal-0.jsonl", "leftover"),
    (_write(f"{FOLDER}/dataset.fresh.json"), f"{FOLDER}/dataset.fresh.json", "leftover"),
    (_write("index.json.tmp"), "index.json.tmp", "leftover"),
    (_write("index.json", b"[]"), "index.json", "damaged"),
    (_write("datasets/.deleted-x/versions/v.json"), "datasets/.deleted-x", "leftover"),
    (_write(f"datasets/{'n' * 19}/dataset.json.tmp"), f"datasets/{'n' * 19}", "leftover"),
    (_write("signing-key", b"\xff\xfe"), "signing-key", "damaged"),
    (_write("signing-key", b""), "signing-key", "damaged"),
    (_write("expected-files.json", b"{"), "expected-files.json", "damaged"),
    (_truncated_metadata, "object-metadata.sqlite", "damaged"),
    (_flipped_metadata, "object-metadata.sqlite", "damaged"),
    (_write(f"uploads/{'0' * 32}.ended/upload.json"), f"uploads/{'0' * 32}.ended", "leftover"),
    (_write("obs/bkt/in/.~0123456789abcdef"), "/bkt/in/.~0123456789abcdef", "leftover"),
]


@pytest.mark.parametrize(("spoil", "path", "kind"), MENDED, ids=[f"{kind} {path}" for _, path, kind in MENDED])
def test_doctor_repairable_fault_is_reported_and_repaired(
    root: Path, spoil: Callable[[Path], None], path: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(root)
    before = looks(root)
    assert (path, kind, True) in found(root)
    assert main(["doctor", str(root)]) == 1
    assert looks(root) == before
    assert main(["doctor", "--repair", str(root)]) == 0
    assert f"repaired: {path}: {kind}: " in capsys.readouterr().out
    assert looks(root / "obs") == {name: what for name, what in before_objects(before).items() if ".~" not in name}
    assert all(kind == "quarantined" for _, kind, _ in found(root))
    store = opened(root)
    assert [entry.counts.total for entry in store.entries()] == [6, 6]
    store.close()


def before_objects(before: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("obs/"): what for name, what in before.items() if name.startswith("obs/")}


def _lose(name: str) -> Callable[[Path], None]:
    def lose(root: Path) -> None:
        expected = ExpectedFiles(root, fsync=False)
        expected.add(name)
        assert not (root / name).exists()

    return lose


REPORTED: list[tuple[Callable[[Path], None], str, str]] = [
    (lambda root: (root / "obs/bkt/in/3.png").unlink(), "/bkt/in/3.png", "gone"),
    (lambda root: (root / f"{FOLDER}/versions/v.json").unlink(), f"{FOLDER}/versions/v.json", "missing"),
    (_write(f"{FOLDER}/versions/v.json", b"{"), f"{FOLDER}/versions/v.json", "damaged"),
    (_write("teams.json", b"{"), "teams.json", "damaged"),
    (_lose("teams.json"), "teams.json", "missing"),
    (_lose("object-metadata.sqlite"), "object-metadata.sqlite", "missing"),
]


@pytest.mark.parametrize(("spoil", "path", "kind"), REPORTED, ids=[f"{kind} {path}" for _, path, kind in REPORTED])
def test_doctor_other_fault_is_reported_and_kept(
    root: Path, spoil: Callable[[Path], None], path: str, kind: str
) -> None:
    spoil(root)
    assert (path, kind, False) in found(root)
    assert main(["doctor", "--repair", str(root)]) == 1
    assert (path, kind, False) in found(root)


@pytest.mark.parametrize("damage", [_truncated_metadata, _flipped_metadata])
def test_doctor_repair_of_object_headers_quarantines_one_file(root: Path, damage: Callable[[Path], None]) -> None:
    damage(root)
    assert main(["doctor", "--repair", str(root)]) == 0
    assert len(list(root.glob("object-metadata.sqlite.damaged-*"))) == 1


WORTH_KNOWING: list[tuple[Callable[[Path], None], str, str]] = [
    (_write("notes.txt"), "notes.txt", "orphan"),
    (_write(f"{FOLDER}/journal-1 (copy).jsonl"), f"{FOLDER}/journal-1 (copy).jsonl", "orphan"),
    (_write(f"{FOLDER}/notes.txt"), f"{FOLDER}/notes.txt", "orphan"),
    (_write("datasets/notes.txt"), "datasets/notes.txt", "orphan"),
    (_write(f"{FOLDER}/dataset.json.damaged-1"), f"{FOLDER}/dataset.json.damaged-1", "quarantined"),
    (_write("obs/bkt/elsewhere/a.png"), "/bkt/elsewhere", "orphan"),
    (_write("obs/bkt/task/.~written-t1"), "", ""),  # a task's notes are still needed
]


@pytest.mark.parametrize(("spoil", "path", "kind"), WORTH_KNOWING, ids=[path for _, path, _ in WORTH_KNOWING])
def test_doctor_unknown_file_is_reported_and_kept(
    root: Path, spoil: Callable[[Path], None], path: str, kind: str
) -> None:
    spoil(root)
    before = looks(root).keys()
    assert found(root) == ([(path, kind, False)] if path else [])
    assert main(["doctor", "--repair", str(root)]) == 0
    assert before <= looks(root).keys()


def test_doctor_file_of_an_unknown_version_is_an_orphan(root: Path) -> None:
    store = opened(root)
    store.save_version(ID, "w", map(encode_sample, [sample(1)]))
    store.close()
    assert found(root) == [(f"{FOLDER}/versions/w.json", "orphan", False)]


def test_doctor_unreadable_dataset_is_reported_with_the_others(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (root / FOLDER).glob("dataset*.json"):
        path.write_bytes(b"{")
    assert main(["doctor", str(root)]) == 1
    out = capsys.readouterr().out
    assert f"dataset {ID} (cannot be read): 0 samples" in out
    assert f"dataset {OTHER} e: 6 samples" in out
    assert f"{FOLDER}: damaged: " in out
    assert main(["doctor", "--repair", str(root)]) == 0
    assert list(root.glob(f"{ID}.damaged-*"))


def test_doctor_later_format_is_reported_and_unchanged(root: Path) -> None:
    file = root / FOLDER / "dataset.json"
    file.write_text(file.read_text().replace('"format":1', '"format":99'))
    before = looks(root)
    assert (f"{FOLDER}/dataset.json", "newer", False) in found(root)
    assert main(["doctor", "--repair", str(root)]) == 1
    assert looks(root) == before


def test_doctor_missing_bucket_is_reported_once(root: Path, tmp_path: Path) -> None:
    (root / "obs/bkt").rename(tmp_path / "mounted")
    (tmp_path / "mounted/in/3.png").unlink()
    assert found(root) == [("/bkt/", "unknown", False)]
    assert main(["doctor", str(root)]) == 0
    assert main(["doctor", str(root), "--bucket", f"bkt={tmp_path / 'mounted'}"]) == 1


def test_doctor_directory_in_use_is_refused(emu: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--repair"]):
        assert main(["doctor", *options, str(emu.settings.data_dir)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("modelarts-emulator: the data directory ") and "is in use by process" in err
        assert "; stop it first: modelarts-emulator stop --data-dir " in err


@pytest.mark.parametrize("name", ["nowhere", "file", "empty"])
def test_doctor_other_directory_is_refused_and_unchanged(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    before = looks(tmp_path)
    assert main(["doctor", "--repair", str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"modelarts-emulator: {tmp_path / name} is not a")
    assert looks(tmp_path) == before


@pytest.mark.parametrize("text", ["bkt", "bkt=/nowhere/at/all", "../x=/tmp"])
def test_doctor_invalid_bucket_option_is_refused(root: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(root), "--bucket", text]) == 2
    assert "--bucket" in capsys.readouterr().err


def test_doctor_directory_of_a_stopped_emulator_has_no_faults(settings: Settings, bucket: Path) -> None:
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture())
    with Emulator(settings) as emulator:
        api = Api(emulator.url)
        dataset_id = api.dataset()
        api.label(dataset_id, {next(iter(api.ids(dataset_id).values())): [{"name": "cat"}]})
        api.publish(dataset_id)
        api.session.close()
    assert settings.data_dir is not None
    report = doctor.examine(settings.data_dir, {"bucket": bucket})
    assert [(each.path, each.kind) for each in report.problems] == []
    (only,) = report.datasets
    assert (only.samples, only.labels, only.versions) == (3, 1, 1)


def test_doctor_interrupted_snapshots_are_reported_and_leftovers_removed(root: Path, tmp_path: Path) -> None:
    snapshots = root / "snapshots"
    for name in ("one", ".old-one", ".old-two", ".new-abc", ".restoring", ".deleted-three"):
        (snapshots / name / "datasets").mkdir(parents=True)
    (snapshots / ".under-way").write_text("one")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/kept.txt").touch()
    (snapshots / ".new-abc/link").symlink_to(tmp_path / "mine")
    expected = [
        ("snapshots/.deleted-three", "leftover", True),
        ("snapshots/.new-abc", "leftover", True),
        ("snapshots/.old-one", "leftover", True),
        ("snapshots/.old-two", "torn", False),
        ("snapshots/.restoring", "leftover", True),
        ("snapshots/.under-way", "torn", False),
    ]
    assert found(root) == expected
    doctor.repair(root, {})
    assert found(root) == [each for each in expected if each[1] == "torn"]
    assert (tmp_path / "mine/kept.txt").exists()
