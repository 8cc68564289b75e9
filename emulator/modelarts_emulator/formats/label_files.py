"""Find the label file of a picture in a directory, and report the label files that nothing uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.walk import ObjectEntry

SUFFIXES = (".xml", ".txt", ".json")
# Folders of label files and the folders of their pictures: VOCdevkit, then the trees of Ultralytics and Roboflow.
_MIRRORS = (("/JPEGImages/", "/Annotations/"), ("/images/", "/labels/"))


class LabelFiles:
    """The label files of a directory. The case of a suffix does not matter: ``A.XML`` belongs to ``A.jpg``."""

    def __init__(self, entries: Iterable[ObjectEntry]) -> None:
        self._paths: dict[str, str] = {}
        for entry in entries:
            suffix = entry.path[entry.path.rfind(".") :].lower()
            if suffix in SUFFIXES:
                self._paths[stem(entry.path) + suffix] = entry.path
        self._used: set[str] = set()

    def find(self, picture: str, suffix: str) -> str | None:
        """Return the label file of a picture, beside it or in the mirrored folder, and mark it as used."""
        bare = stem(picture)
        found = self._paths.get(bare + suffix)
        if found is None:
            for pictures, labels in _MIRRORS:
                head, between, tail = f"/{bare}".rpartition(pictures)
                if between and (found := self._paths.get(f"{head}{labels}{tail}{suffix}"[1:])):
                    break
        if found is not None:
            self._used.add(found)
        return found

    def mark_used(self, paths: Iterable[str]) -> None:
        """Mark files as used that a reader has found by itself."""
        self._used.update(paths)

    def report_unused(self, pictures: Sequence[str]) -> Iterator[Problem]:
        """Return a Problem for each unused file that may hold labels.

        Those are XML files, files named like a picture, and files in a folder for labels.
        """
        names = {stem(path).rpartition("/")[2] for path in pictures}
        for path in self._paths.values():
            if path in self._used:
                continue
            folder, _, name = path.rpartition("/")
            in_label_folder = folder.rpartition("/")[2].lower() in ("labels", "annotations") or "/labels/" in path
            if path.lower().endswith(".xml") or stem(name) in names or in_label_folder:
                yield Problem(path, "this label file is not used")
