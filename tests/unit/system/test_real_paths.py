"""Real paths below a folder are those of the whole path."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelarts_emulator.system.real_paths import real_path, real_path_below


@pytest.fixture
def folder(tmp_path: Path) -> str:
    folder = tmp_path / "folder"
    (folder / "in/sub").mkdir(parents=True)
    (folder / "in/a.jpg").write_bytes(b"1")
    (tmp_path / "outside").mkdir()
    (folder / "in/inner-link").symlink_to("sub")
    (folder / "in/outer-link").symlink_to(tmp_path / "outside")
    (folder / "in/lost-link").symlink_to("missing")
    return real_path(folder)


LINKED = ["in/inner-link/", "in/inner-link/c", "in/outer-link/c", "in/lost-link", "in/lost-link/c"]


@pytest.mark.parametrize("inner", ["", "in/", "in/a.jpg", "in/missing/b", "in/a.jpg/b", *LINKED])
def test_real_path_below_is_the_real_path(folder: str, inner: str) -> None:
    assert real_path_below(folder, inner) == real_path(f"{folder}/{inner}")


def test_real_path_below_folder_that_became_a_link_is_resolved(folder: str, tmp_path: Path) -> None:
    Path(folder).rename(tmp_path / "elsewhere")
    Path(folder).symlink_to(tmp_path / "elsewhere")
    assert real_path_below(folder, "in/a.jpg") == f"{real_path(tmp_path)}/elsewhere/in/a.jpg"


def test_real_path_below_circle_of_links_raises(folder: str) -> None:
    (Path(folder) / "one").symlink_to("two")
    (Path(folder) / "two").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links"):
        real_path_below(folder, "one/a")
