"""Find the label file of a picture in a directory, and report the label files that nothing uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from modelarts_emulator.contract.dataset_types import IMAGES
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.walk import ObjectEntry

_DOCUMENTS = (".xml", ".json")
SUFFIXES = (*_DOCUMENTS, ".txt")
_REPORTED = (*SUFFIXES, ".csv")
_WORDS = ("annotation", "label")
# Folders of label files and the folders of their pictures: VOCdevkit, then the trees of Ultralytics and Roboflow.
_MIRRORS = (("/JPEGImages/", "/Annotations/"), ("/images/", "/labels/"))


class LabelFiles:
    """The label files of a directory. The case of a suffix does not matter: ``A.XML`` belongs to ``A.jpg``."""

    def __init__(self, entries: Collection[ObjectEntry]) -> None:
        self._paths: dict[str, str] = {}
        self._by_name: dict[str, str | None] = {}
        """The only document with a name in all folders; None if there are several."""
        for entry in entries:
            suffix = entry.path[entry.path.rfind(".") :].lower()
            if suffix in _REPORTED:
                self._paths[stem(entry.path) + suffix] = entry.path
            if suffix in _DOCUMENTS:
                name = stem(entry.path).rpartition("/")[2] + suffix
                self._by_name[name] = None if name in self._by_name else entry.path
        self._pictures = Counter(
            stem(entry.path).rpartition("/")[2] for entry in entries if entry.path.lower().endswith(IMAGES)
        )
        self._used: set[str] = set()

    def find(self, picture: str, suffix: str) -> str | None:
        """Return the label file of a picture, and mark it as used.

        It is beside the picture, in the mirrored folder, or the only document with the name of this picture only.
        """
        bare = stem(picture)
        found = self._paths.get(bare + suffix)
        if found is None:
            for pictures, labels in _MIRRORS:
                head, between, tail = f"/{bare}".rpartition(pictures)
                if between and (found := self._paths.get(f"{head}{labels}{tail}{suffix}"[1:])):
                    break
        name = bare.rpartition("/")[2]
        if found is None and suffix in _DOCUMENTS and self._pictures[name] == 1:
            found = self._by_name.get(name + suffix)
        if found is not None:
            self._used.add(found)
        return found

    def mark_used(self, paths: Iterable[str]) -> None:
        """Mark files as used that a reader has found by itself."""
        self._used.update(paths)

    def report_unused(self, pictures: Sequence[str]) -> Iterator[Problem]:
        """Return a Problem for each unused file that may hold labels.

        Those are XML files, files named like a picture, files in a folder for labels, and JSON and CSV files whose
        names say that they have labels or annotations.
        """
        names = {stem(path).rpartition("/")[2] for path in pictures}
        for path in self._paths.values():
            if path in self._used:
                continue
            folder, _, name = path.rpartition("/")
            in_label_folder = folder.rpartition("/")[2].lower() in ("labels", "annotations") or "/labels/" in path
            is_named = path.lower().endswith((".json", ".csv")) and any(word in name.lower() for word in _WORDS)
            is_beside = stem(name) in names and not path.lower().endswith(".csv")
            if path.lower().endswith(".xml") or is_beside or in_label_folder or is_named:
                yield Problem(path, "this label file is not used")
