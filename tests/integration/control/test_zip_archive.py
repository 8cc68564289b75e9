"""Uploaded snapshots: everything that is wrong with one is reported, and changes nothing."""

from __future__ import annotations

import io
import json
import random
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture

pytestmark = pytest.mark.slow

Members = dict[str, bytes]
OBS = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}


class ArchiveSite:
    """An emulator with one dataset in a bucket of its own."""

    def __init__(self, emu: Emulator) -> None:
        self.emu, self.control, self.api = emu, Control(emu.url), Api(emu.url)
        requests.put(f"{emu.url}/own", headers=OBS, timeout=10)
        requests.put(f"{emu.url}/own/in/a.png", data=picture(), headers=OBS, timeout=10)
        requests.post(f"{emu.url}/own/big?uploads", headers=OBS, timeout=10)
        sources = [{"data_path": "/own/in/"}]
        self.dataset_id = self.api.dataset(data_sources=sources, work_path="/own/out/")
        self.api.publish(self.dataset_id)

    def state(self) -> Any:
        obs = self.emu.runtime.root / "obs"
        files = {path.relative_to(obs).as_posix(): path.read_bytes() for path in obs.rglob("*") if path.is_file()}
        samples = self.api.samples(self.dataset_id)
        for sample in samples["samples"]:
            sample["source"] = sample["source"].partition("?")[0]
        return files, samples, self.api.call("GET", f"/{self.dataset_id}")["versions"]

    def close(self) -> None:
        self.control.session.close()
        self.api.session.close()


@pytest.fixture(scope="module", params=["memory", "disk"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveSite]:
    folder = tmp_path_factory.mktemp("archive") / "data" if request.param == "disk" else None
    with Emulator(Settings(port=0, data_dir=folder, durability="process")) as emu:
        made = ArchiveSite(emu)
        yield made
        made.close()


@pytest.fixture(scope="module")
def good(site: ArchiveSite) -> bytes:
    """A snapshot as it is downloaded."""
    site.control.call("PUT", "snapshots/good")
    return site.control.send("GET", "snapshots/good/archive").content


@pytest.fixture
def unchanged(site: ArchiveSite, good: bytes) -> Iterator[None]:
    """Check that a test has changed neither the emulator's folder nor the folders beside it."""
    beside = site.emu.runtime.root.parent
    before = site.state(), sorted(beside.iterdir()) if beside.name == "data" else None
    yield
    assert site.emu.runtime.ready.is_set()
    assert (site.state(), sorted(beside.iterdir()) if beside.name == "data" else None) == before
    names = [path.name for path in (site.emu.runtime.root / "snapshots").iterdir()]
    assert [name for name in names if name.startswith(".")] == []


def members_of(archive: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {entry.filename: opened.read(entry) for entry in opened.infolist()}


def packed(members: Members, *, compression: int = zipfile.ZIP_DEFLATED, **attributes: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            for attribute, value in attributes.items():
                setattr(entry, attribute, value)
            archive.writestr(entry, data)
    return out.getvalue()


def with_member(good: bytes, name: str, data: bytes = b"x") -> bytes:
    return packed({**members_of(good), name: data})


# Archives


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "buckets/../../evil", "/etc/evil", "buckets//evil", "./buckets/evil", "buckets/./evil"),
        *("buckets\\..\\evil", "C:\\evil", "evil", "snapshots/x", "datasets/../../evil", "buckets/own/../../../evil"),
        *("buckets/" + "a/" * 1500 + "x", "buckets/own/" + "a" * 300, "signing-key", "", "buckets/own/in/a.png/x"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_archive_with_unsafe_names_is_refused(site: ArchiveSite, good: bytes, name: str) -> None:
    site.control.refused("PUT", "snapshots/bad/archive", data=with_member(good, name))
    site.control.refused("GET", "snapshots/bad", 404)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
@pytest.mark.usefixtures("unchanged")
def test_archive_with_special_files_is_refused(site: ArchiveSite, good: bytes, kind: int) -> None:
    data = packed({"snapshot.json": b"{}", "buckets/own/link": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16)
    site.control.refused("PUT", "snapshots/bad/archive", data=data)


def bomb(good: bytes) -> bytes:
    """A gigabyte of nothing."""
    out = io.BytesIO(good)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("buckets/own/bomb")
        entry.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=True) as file:
            for _ in range(1024):
                file.write(bytes(1 << 20))
    return out.getvalue()


def lying(good: bytes) -> bytes:
    """Claims that a member is smaller than it is."""
    data = bytearray(packed({**members_of(good), "buckets/own/liar": bytes(1 << 20)}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = data.rindex(signature)
        assert struct.unpack_from("<I", data, place + offset)[0] == 1 << 20
        struct.pack_into("<I", data, place + offset, 10)
    return bytes(data)


def overlapping(good: bytes) -> bytes:
    """Many members with the same bytes."""
    data = bytearray(packed({**members_of(good), **{f"buckets/own/{n}": bytes(99) for n in range(3)}}))
    directory = data.index(b"PK\x01\x02")
    places = [place for place in range(directory, len(data)) if data[place : place + 4] == b"PK\x01\x02"]
    first = struct.unpack_from("<I", data, places[0] + 42)[0]
    for place in places[1:]:
        struct.pack_into("<I", data, place + 42, first)
    return bytes(data)


def encrypted(good: bytes) -> bytes:
    data = bytearray(good)
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


NONE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "bomb": (bomb, "times as large"),
    "lying": (lying, "larger than announced|not a readable zip"),
    "overlapping": (overlapping, "overlap|not a readable zip"),
    "encrypted": (encrypted, "encrypted"),
    "nothing": (lambda good: b"", "not a readable zip"),
    "empty": (lambda good: b"PK\x05\x06" + bytes(18), "snapshot.json is missing"),
    "other": (lambda good: b"no archive at all" * 100, "not a readable zip"),
    "cut": (lambda good: good[:-30], "not a readable zip"),
    "lzma": (lambda good: packed(members_of(good), compression=zipfile.ZIP_LZMA), "neither stored nor deflated"),
    "bzip2": (lambda good: packed(members_of(good), compression=zipfile.ZIP_BZIP2), "neither stored nor deflated"),
    "both": (lambda good: with_member(good, "buckets/own/in"), "twice|both"),
}


@pytest.mark.parametrize(("make", "said"), NONE.values(), ids=NONE)
@pytest.mark.usefixtures("unchanged")
def test_malformed_archive_is_refused(
    site: ArchiveSite, good: bytes, make: Callable[[bytes], bytes], said: str
) -> None:
    assert re.search(said, site.control.refused("PUT", "snapshots/malformed/archive", data=make(good)))
    site.control.refused("POST", "snapshots/malformed", 404)


@pytest.mark.usefixtures("unchanged")
def test_archive_with_a_repeated_name_is_refused(site: ArchiveSite, good: bytes) -> None:
    out = io.BytesIO(good)
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("snapshot.json", b"{}")
    assert "appears twice" in site.control.refused("PUT", "snapshots/bad/archive", data=out.getvalue())


@pytest.mark.usefixtures("unchanged")
def test_damaged_archive_is_refused_or_harmless(site: ArchiveSite, good: bytes) -> None:
    draw = random.Random(7)
    for number in range(150):
        data = bytearray(good)
        if number % 3:
            for _ in range(number % 5 + 1):
                data[draw.randrange(len(data))] = draw.randrange(256)
        else:
            del data[draw.randrange(len(data)) :]
        answer = site.control.send("PUT", "snapshots/damaged/archive", data=bytes(data))
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            restored = site.control.send("POST", "snapshots/damaged")
            assert restored.status_code in (200, 400), restored.text
            site.control.call("POST", "snapshots/good")


# Contents


def changed(good: bytes, name: str, change: Callable[[Any], Any]) -> bytes:
    """An archive with the JSON of a member changed; ``*`` in its name is the dataset's id."""
    members = members_of(good)
    (found,) = [each for each in members if Path(each).match(name)]
    members[found] = json.dumps(change(json.loads(members[found]))).encode()
    return packed(members)


def in_record(**values: Any) -> Callable[[Any], Any]:
    def change(document: Any) -> Any:
        document["dataset"]["1"].update(values)
        return document

    return change


def without(*prefixes: str) -> Callable[[bytes], bytes]:
    return lambda good: packed({n: data for n, data in members_of(good).items() if not n.startswith(prefixes)})


def renamed(good: bytes, old: str, new: str) -> bytes:
    return packed({name.replace(old, new): data for name, data in members_of(good).items()})


def in_table(table: str, **values: Any) -> Callable[[Any], Any]:
    """Return a change of every record of a table."""

    def change(document: Any) -> Any:
        assert document[table]
        for row in document[table].values():
            row.update(values)
        return document

    return change


def in_dataset(table: str, **values: Any) -> Callable[[bytes], bytes]:
    return lambda good: changed(good, "datasets/*/dataset.json", in_table(table, **values))


def in_version(**values: Any) -> Callable[[bytes], bytes]:
    return lambda good: changed(good, "datasets/*/versions/*.json", in_table("samples", **values))


def in_upload(**values: Any) -> Callable[[bytes], bytes]:
    return lambda good: changed(good, "uploads/*/upload.json", lambda upload: {**upload, **values})


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "no datasets": without("datasets/"),
    "no description": without("snapshot.json"),
    "no times": without("objects.json"),
    "no metadata": without("metadata.json"),
    "a dataset without its file": lambda good: with_member(without("datasets/")(good), "datasets/x/versions/y.json"),
    "a later format": lambda good: changed(good, "snapshot.json", lambda about: {**about, "format": 99}),
    "a description of another kind": lambda good: with_member(good, "snapshot.json", b"[1]"),
    "a description without end": lambda good: with_member(good, "snapshot.json", b"[" * 100_000),
    "a description that is no text": lambda good: with_member(good, "snapshot.json", b"\xff\xfe"),
    "a dataset that cannot be read": lambda good: with_member(
        good, next(n for n in members_of(good) if n.endswith("/dataset.json")), b'{"meta":'
    ),
    "a dataset of another id": lambda good: changed(good, "datasets/*/dataset.json", in_record(id="another")),
    "a dataset of a later format": lambda good: changed(
        good, "datasets/*/dataset.json", lambda d: {**d, "meta": {"1": {**d["meta"]["1"], "format": 99}}}
    ),
    "a version that cannot be read": lambda good: changed(good, "datasets/*/versions/*.json", lambda d: [d]),
    "an input that climbs": lambda good: changed(
        good, "datasets/*/dataset.json", in_record(data_sources=[{"data_path": "/own/../../etc/", "data_type": 0}])
    ),
    "an output that climbs": lambda good: changed(
        good, "datasets/*/dataset.json", in_record(inner_work_path="/own/../../../tmp/")
    ),
    "an output of nowhere": lambda good: changed(good, "datasets/*/dataset.json", in_record(inner_work_path="")),
    "a member of another kind": lambda good: changed(good, "datasets/*/dataset.json", in_record(create_time="now")),
    "a time beyond all time": lambda good: changed(good, "objects.json", lambda t: dict.fromkeys(t, 10**30)),
    "times of another kind": lambda good: changed(good, "objects.json", lambda t: dict.fromkeys(t, "now")),
    "metadata of another kind": lambda good: changed(good, "metadata.json", lambda rows: [[1, 2]]),
    "metadata beyond all size": lambda good: changed(
        good, "metadata.json", lambda rows: [[r[0], 10**30, *r[2:]] for r in rows]
    ),
    "headers that are two": lambda good: changed(
        good, "metadata.json", lambda rows: [[*r[:4], "text/html\r\nSet-Cookie: a=b", r[5]] for r in rows]
    ),
    "headers that are none": lambda good: changed(good, "metadata.json", lambda rows: [[*r[:5], "AAAA"] for r in rows]),
    "an output that is the input": lambda good: changed(
        good, "datasets/*/dataset.json", in_record(inner_work_path="/own/in/")
    ),
    "an output that is the work path": lambda good: changed(
        good, "datasets/*/dataset.json", in_record(inner_work_path="/own/out/")
    ),
    "an output of another dataset": lambda good: changed(
        good, "datasets/*/dataset.json", in_record(inner_work_path="/own/out/other-0123456789abcdefghi/")
    ),
    "a dataset name with a path": lambda good: changed(good, "datasets/*/dataset.json", in_record(name="../x")),
    "a version id that climbs": in_dataset("versions", version_id="../../../../outside"),
    "a version id that is a path": in_dataset("versions", version_id="/tmp/outside"),
    "a version whose previous one climbs": in_dataset("versions", previous_version_id="../x"),
    "a version's manifest that climbs": in_dataset("versions", manifest_path="/own/../../x.manifest"),
    "a current version that climbs": lambda good: changed(
        good, "datasets/*/dataset.json", in_record(current_version_id="../../x")
    ),
    "a task id that is a path": in_dataset("tasks", id="../../task"),
    "a task of an unknown kind": in_dataset("tasks", kind="format-disk"),
    "a task in an unknown state": in_dataset("tasks", status="BOILED"),
    "a task with an unknown count": in_dataset("tasks", counts={"anything": 1}),
    "an import without a request": in_dataset("tasks", kind="import", request={}),
    "an import of another type": in_dataset("tasks", kind="import", request={"import_path": 1, "import_type": []}),
    "an export without a request": in_dataset("tasks", kind="export", status="RUNNING", request={}),
    "an intelligent task without a type": in_dataset("tasks", kind="inference", request={}),
    "a version whose ratio is no number": in_dataset("versions", train_evaluate_sample_ratio="much"),
    "a version whose ratio is infinite": in_dataset("versions", train_evaluate_sample_ratio="Infinity"),
    "a sample's object that climbs": in_dataset("samples", path="own/../../etc/passwd"),
    "a sample's object without a bucket": in_dataset("samples", path="/etc/passwd"),
    "a sample's object that is a folder": in_dataset("samples", path="own/in/"),
    "a sample id that is a path": in_dataset("samples", id="../../x"),
    "a sample's state of another kind": in_dataset("samples", status="BOILED"),
    "a version's sample that climbs": in_version(path="own/../../etc/passwd"),
    "a version's sample id that is a path": in_version(id="a/b"),
    "metadata of a path that climbs": lambda good: changed(
        good, "metadata.json", lambda rows: [["own/../../x", *r[1:]] for r in rows]
    ),
    "an upload to a path that climbs": in_upload(key="../../x"),
    "an upload to no bucket": in_upload(bucket=".."),
    "an upload with two headers in one": in_upload(content_type="a/b\r\nX: y"),
    "an upload of another kind": in_upload(started_ms="yesterday"),
    "samples of an unknown version": lambda good: renamed(
        good,
        next(Path(n).name for n in members_of(good) if "/versions/" in n and n.endswith(".json")),
        "x" * 19 + ".json",
    ),
    "a bucket that is no name": lambda good: renamed(good, "buckets/own/", "buckets/..own/"),
    "a bucket that is too short": lambda good: renamed(good, "buckets/own/", "buckets/o/"),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.usefixtures("unchanged")
def test_invalid_content_is_refused_and_changes_nothing(
    site: ArchiveSite, good: bytes, make: Callable[[bytes], bytes]
) -> None:
    answer = site.control.send("PUT", "snapshots/bad/archive", data=make(good))
    if answer.status_code == 200:
        answer = site.control.send("POST", "snapshots/bad")
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error_code", "error_msg"}


def test_restore_ignores_unknown_files_among_uploads(site: ArchiveSite, good: bytes) -> None:
    members = members_of(good)
    upload_id = next(name for name in members if name.endswith("/upload.json")).split("/")[1]
    for name in (
        f"{upload_id}/1x",
        f"{upload_id}/.hidden",
        "not-an-id/upload.json",
        f"{upload_id}.claimed/upload.json",
    ):
        members[f"uploads/{name}"] = b"x"
    site.control.call("PUT", "snapshots/odd/archive", data=packed(members))
    site.control.call("POST", "snapshots/odd")
    uploads = site.emu.runtime.root / "uploads"
    assert {path.relative_to(uploads).as_posix() for path in uploads.rglob("*")} == {
        upload_id,
        f"{upload_id}/upload.json",
    }


def test_archive_written_by_another_program_is_restored(site: ArchiveSite, good: bytes) -> None:
    """Members in another order, not compressed, folders left out, documents laid out otherwise."""
    before = site.state()
    members = {name: data for name, data in reversed(members_of(good).items()) if not name.endswith("/")}
    for name, data in members.items():
        if name.endswith(".json") and not name.startswith("buckets/"):
            members[name] = json.dumps(json.loads(data), indent=2).encode()
    site.control.call("PUT", "snapshots/other/archive", data=packed(members, compression=zipfile.ZIP_STORED))
    requests.delete(f"{site.emu.url}/own/in/a.png", headers=OBS, timeout=10)
    site.control.call("POST", "snapshots/other")
    assert site.state() == before


def test_snapshot_with_an_unreadable_header_is_left_out_of_the_list(site: ArchiveSite, good: bytes) -> None:
    folder = site.emu.runtime.root / "snapshots/broken"
    folder.mkdir()
    (folder / "snapshot.json").write_text("{")
    names = [each["name"] for each in site.control.call("GET", "snapshots")["snapshots"]]
    assert "good" in names
    assert "broken" not in names
    site.control.refused("POST", "snapshots/broken")
    site.control.call("DELETE", "snapshots/broken", 204)
