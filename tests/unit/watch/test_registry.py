"""The periodic check of many watched directories costs one ``stat`` each."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from modelarts_emulator.watch import registry
from modelarts_emulator.watch.registry import WatchMode, WatchRegistry


class Recorder:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def record(self, key: str, paths: Collection[str] | None = None, *, at_once: bool = False) -> None:
        self.keys.append(key)

    def has_recorded(self, keys: Collection[str], path: str) -> bool:
        return False

    def request_update(self) -> None:
        pass


@pytest.fixture
def watched(tmp_path: Path):
    """A registry that polls the directories of ten keys, its recorder, and the directories."""
    directories = {}
    for number in range(10):
        (tmp_path / f"in{number}").mkdir()
        directories[f"key{number}"] = frozenset({str(tmp_path / f"in{number}")})
    recorder = Recorder()
    found = WatchRegistry(recorder, mode=WatchMode.POLL, interval_s=60)
    found.open()
    found.update_watches(directories, directories.keys(), check=False)
    recorder.keys.clear()
    yield found, recorder, directories
    found.close()


def test_check_of_unchanged_directories_resolves_none(watched, monkeypatch: pytest.MonkeyPatch) -> None:
    found, recorder, directories = watched
    resolved: list[str] = []
    monkeypatch.setattr(registry, "real_path", lambda path: resolved.append(path) or path)
    found.update_watches(directories, (), directories.keys(), check=True)
    assert (resolved, recorder.keys) == ([], [])


def test_check_finds_replaced_new_and_deleted_directories(watched, tmp_path: Path) -> None:
    found, recorder, directories = watched
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept").replace(tmp_path / "in3")
    (tmp_path / "in5").rmdir()
    found.update_watches(directories, (), directories.keys(), check=True)
    assert set(recorder.keys) == {"key3", "key5"}
    recorder.keys.clear()
    (tmp_path / "in5").mkdir()
    found.update_watches(directories, (), directories.keys(), check=True)
    assert recorder.keys == ["key5"]
