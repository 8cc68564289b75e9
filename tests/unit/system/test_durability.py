from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from modelarts_emulator.system import durability
from modelarts_emulator.system.durability import flush_file, flush_folder, replace_file


def test_replace_file_existing_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    replace_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "new"


class SharingViolation(PermissionError):
    """The error of Windows while another process has the file open."""

    winerror = 32


def test_replace_file_sharing_violation_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("new")
    replace, refusals = os.replace, [SharingViolation(), SharingViolation()]

    def refuse_twice(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_twice)
    replace_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "new"


def test_replace_file_lasting_sharing_violation_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise SharingViolation

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(durability, "_REPLACE_TIMEOUT_S", 0.05)
    with pytest.raises(SharingViolation):
        replace_file(tmp_path / "a", tmp_path / "b")


def test_replace_file_missing_right_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refuse(source: Path, target: Path) -> None:
        calls.append(time.monotonic())
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "a", tmp_path / "b")
    assert len(calls) == 1


def test_flush_file_and_folder_succeed(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.write(b"1")
        file.flush()
        flush_file(file.fileno())
    flush_folder(tmp_path)
