"""Spellings on a simulated file system that ignores case and Unicode normalization."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from modelarts_emulator.system.open_folder import open_folder, open_root
from modelarts_emulator.system.path_folder import PathFolder
from modelarts_emulator.system.spelling import Spellings

NFC, NFD = "caf\u00e9.jpg", "cafe\u0301.jpg"


class InsensitiveFolder(PathFolder):
    """A folder in which names are found without regard to case and normalization."""

    keeps_spelling = True

    def _lstat(self, name: str) -> os.stat_result:
        for each in os.listdir(self.path):  # noqa: PTH208
            if _folded(each) == _folded(name):
                return os.lstat(f"{self.path}/{each}")
        raise FileNotFoundError(name)

    def names(self) -> list[str]:
        names = super().names()
        return names if self.keeps_spelling else [name.lower() for name in names]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFD", name).casefold()


@pytest.fixture
def folder(tmp_path: Path) -> InsensitiveFolder:
    return InsensitiveFolder(str(tmp_path.resolve()))


@pytest.mark.parametrize(
    ("stored", "asked"), [("A.txt", "a.txt"), (NFC, NFD), (NFD, NFC), ("Straße.jpg", "STRASSE.jpg")]
)
def test_is_exact_other_spelling_returns_false(folder: InsensitiveFolder, stored: str, asked: str) -> None:
    (Path(folder.path) / stored).touch()
    spellings = Spellings()
    assert spellings.is_exact(folder, stored)
    assert not spellings.is_exact(folder, asked)
    assert not spellings.is_visible(folder, asked)


def test_require_exact_other_spelling_raises_einval(folder: InsensitiveFolder) -> None:
    (Path(folder.path) / "A.txt").touch()
    with pytest.raises(OSError, match="takes this name for"):
        Spellings().require_exact(folder, "a.txt")


def test_remember_unlisted_spelling_protects_the_created_name(folder: InsensitiveFolder) -> None:
    folder.keeps_spelling = False
    (Path(folder.path) / "A.txt").touch()
    spellings = Spellings()
    spellings.remember(folder, "A.txt")
    assert spellings.is_exact(folder, "A.txt")
    assert not spellings.is_exact(folder, "a.txt")
    assert spellings.is_visible(folder, "A.txt")
    assert spellings.is_visible(folder, "a.txt")  # listed this way, so samples have this path


def test_is_exact_case_sensitive_folder_with_both_files_returns_true(tmp_path: Path) -> None:
    for name in ("a.txt", "A.txt"):
        (tmp_path / name).write_text(name)
    with open_root(str(tmp_path.resolve())) as folder:
        assert Spellings().is_exact(folder, "a.txt")
        assert Spellings().is_exact(folder, "A.txt")


def test_is_exact_hard_links_of_both_spellings_returns_true(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "A.TXT").hardlink_to(tmp_path / "a.txt")
    with open_root(str(tmp_path.resolve())) as folder:
        assert Spellings().is_exact(folder, "a.txt")
        assert Spellings().is_exact(folder, "A.TXT")


def test_open_folder_existing_folder_with_exact_name_is_entered(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with open_folder(str(tmp_path.resolve()), ["in"], create=False, flush=False, spellings=Spellings()) as folder:
        assert folder.path.endswith("/in")
