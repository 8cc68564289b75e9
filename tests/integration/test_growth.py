"""Creating a dataset costs the same beside many others: system calls and files are counted, no time is measured."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator import Emulator
from modelarts_emulator.store.directory import DataDirectory
from tests.helpers.api import Api


def dataset(api: Api, number: int) -> str:
    sources = [{"data_type": 0, "data_path": f"/bucket/in{number}/"}]
    return api.dataset(dataset_name=f"dataset-{number}", data_sources=sources, work_path=f"/bucket/out{number}/")


def test_creating_a_dataset_reads_nothing_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()
    folders: set[str] = set()
    stat, write_index = os.stat, DataDirectory.write_index

    def counted(path: Any, *arguments: Any, **named: Any) -> os.stat_result:
        if isinstance(path, str) and "/bucket/out" in path:
            folders.add(path.partition("/bucket/")[2].partition("/")[0])
        return stat(path, *arguments, **named)

    def counted_index(self: DataDirectory, rows: Any) -> None:
        counts["index"] += 1
        write_index(self, rows)

    with Emulator(data_dir=tmp_path / "data") as emu:
        bucket = emu.create_bucket("bucket")
        for number in range(41):
            (bucket / f"in{number}").mkdir()
        api = Api(emu.url)
        for number in range(40):
            dataset(api, number)
        monkeypatch.setattr(os, "stat", counted)
        monkeypatch.setattr(DataDirectory, "write_index", counted_index)
        dataset(api, 40)
        assert folders <= {"out40"}
        assert counts["index"] == 0


def test_datasets_that_the_index_lacks_are_there_after_a_crash(tmp_path: Path) -> None:
    root = tmp_path / "data"
    with Emulator(data_dir=root) as emu:
        emu.create_bucket("bucket")
    index = (root / "index.json").read_bytes()
    with Emulator(data_dir=root) as emu:
        (emu.path("bucket") / "in0").mkdir()
        dataset(Api(emu.url), 0)
    (root / "index.json").write_bytes(index)
    with Emulator(data_dir=root) as emu:
        (found,) = Api(emu.url).call("GET")["datasets"]
        assert (found["dataset_name"], found["status"]) == ("dataset-0", 1)
