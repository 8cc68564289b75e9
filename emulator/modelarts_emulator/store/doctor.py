"""What lies in a data directory, and what is wrong with it.

Nothing is changed without ``--repair``, and with it no sample's file ever is: only what the emulator itself has left
behind is removed, and what can be rebuilt is.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.open_files import is_being_written
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.store import Damaged, DatasetDB, DatasetRecord, FormatTooNew, Store, Unknown
from modelarts_emulator.store.check import CheckFinding, DataDirectoryCheck, DatasetSummary, leftovers
from modelarts_emulator.store.directory import locked
from modelarts_emulator.util.clock import SystemClock

# How many paths of one kind are listed one by one.
SHOWN = 20
# An object that was being written when the emulator ended. Not what tasks note: that is still needed.
_UNFINISHED = re.compile(r"\.~[0-9a-f]{16}")
_FAULTS = frozenset({"damaged", "torn", "newer", "leftover", "missing", "gone"})
"""Kinds of problems that are wrong; the others are worth knowing."""


class Report(msgspec.Struct):
    """What was found; after a repair, ``repaired`` is what is no longer so."""

    data_dir: str
    datasets: list[DatasetSummary] = []
    problems: list[CheckFinding] = []
    repaired: list[CheckFinding] = []

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return all(problem.kind not in _FAULTS for problem in self.problems)


def examine(data_dir: Path, buckets: Mapping[str, Path], progress: Callable[[], None] = lambda: None) -> Report:
    """Look through a data directory and its buckets; nothing is changed. ``buckets`` are mounted folders by name.

    ``progress`` is called for each dataset that has been looked at. Raises DataDirectoryInUse, OSError.
    """
    with locked(data_dir), tempfile.TemporaryDirectory() as empty:
        own = data_dir / "obs"
        samples = _Samples(ObjectTree(own if own.is_dir() else Path(empty), buckets))

        def look_at(record: DatasetRecord, db: DatasetDB) -> None:
            samples.look_at(record, db)
            progress()

        inspection = DataDirectoryCheck(data_dir, look_at)
        inspection.run()
        problems = [*inspection.problems, *samples.problems, *samples.unfinished(), *samples.unowned()]
        return Report(str(data_dir), inspection.datasets, sorted(problems))


def repair(data_dir: Path, buckets: Mapping[str, Path], progress: Callable[[], None] = lambda: None) -> Report:
    """Mend what is safe to mend, and look again; as ``examine``. Raises DataDirectoryInUse, OSError."""
    before = examine(data_dir, buckets, progress)
    if any(problem.kind == "newer" for problem in before.problems):
        return before
    # Whoever starts an emulator now is in time to be refused, or finds leftovers gone that it would remove itself.
    store = Store(data_dir, clock=SystemClock())
    try:
        _repair(data_dir, buckets, before, store)
    finally:
        store.close()
    after = examine(data_dir, buckets)
    after.repaired = [problem for problem in before.problems if problem not in after.problems]
    return after


def _repair(data_dir: Path, buckets: Mapping[str, Path], report: Report, store: Store) -> None:
    for path in leftovers(data_dir, report.problems):
        _remove(path)
    tree = ObjectTree(data_dir / "obs", buckets) if (data_dir / "obs").is_dir() or buckets else None
    for problem in report.problems:
        if tree and problem.kind == "leftover" and problem.path.startswith("/"):
            place = tree.local(ObsPath.parse(problem.path).parent) / ObsPath.parse(problem.path).name
            if not is_being_written(place):
                place.unlink(missing_ok=True)
        elif problem.repairable and problem.path.endswith("dataset.previous.json"):
            (data_dir / problem.path).unlink(missing_ok=True)  # it can only mislead; the next checkpoint makes another
    for dataset in report.datasets:
        with suppress(Unknown, Damaged, FormatTooNew):
            store.checkpoint(dataset.id)


def _remove(path: Path) -> None:
    if path.is_dir():
        for each in path.iterdir():
            _remove(each)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


class _Samples:
    """Compares what the datasets say of objects with what lies in the buckets."""

    def __init__(self, tree: ObjectTree) -> None:
        self._tree = tree
        self.problems: list[CheckFinding] = []
        self._owned: list[ObsPath] = []
        self._places: dict[str, Path | None] = {}

    def look_at(self, record: DatasetRecord, db: DatasetDB) -> None:
        """Note the samples of a dataset whose file is gone. Raises msgspec.ValidationError."""
        directories = [source.data_path for source in record.data_sources if source.data_path]
        for text in (*directories, record.inner_work_path):
            with suppress(ApiError):
                self._owned.append(ObsPath.directory(text))
        paths = dict.fromkeys(str(sample["path"]) for sample in db.table("samples") if not sample.get("deleted"))
        gone = [path for path in paths if not self._is_there(path)]
        for path in gone[:SHOWN]:
            text = f"the file of a sample of dataset {record.name} is gone; synchronizing removes the sample"
            self.problems.append(CheckFinding(f"/{path}", "gone", text))
        if len(gone) > SHOWN:
            text = f"{len(gone) - SHOWN} more samples of dataset {record.name} have lost their files"
            self.problems.append(CheckFinding(f"/{gone[SHOWN]}", "gone", text))

    def _is_there(self, path: str) -> bool:
        parent, _, name = path.rpartition("/")
        if parent not in self._places:
            self._places[parent] = self._local(parent)
        place = self._places[parent]
        return place is None or os.path.lexists(place / name)

    def _local(self, parent: str) -> Path | None:
        """Where a directory lies; None where that is not known, so that nothing can be said of what is in it."""
        try:
            return self._tree.local(ObsPath.parse(f"/{parent}/"))
        except ApiError as error:
            bucket = parent.partition("/")[0]
            if not self._tree.has_bucket(bucket):
                text = (
                    "the bucket is not here, so its samples cannot be looked for; name its folder: --bucket NAME=FOLDER"
                )
                problem = CheckFinding(f"/{bucket}/", "unknown", text)
            else:
                problem = CheckFinding(f"/{parent}/", "damaged", error.message)
            if problem not in self.problems:
                self.problems.append(problem)
            return None

    def unfinished(self) -> Iterator[CheckFinding]:
        """What the emulator was writing when it ended, in any bucket."""
        for bucket, folder, names in self._folders():
            for name in names:
                place = folder / name
                if _UNFINISHED.fullmatch(name) and not is_being_written(place):
                    key = place.relative_to(self._tree.local(ObsPath(bucket)))
                    text = f"an upload of {place.stat().st_size} bytes was cut short"
                    yield CheckFinding(f"/{bucket}/{key}", "leftover", text, repairable=True)

    def unowned(self) -> Iterator[CheckFinding]:
        """How many files lie where no dataset reads or writes, by the first directory of a bucket."""
        counts: Counter[str] = Counter()
        for bucket, folder, names in self._folders():
            relative = folder.relative_to(self._tree.local(ObsPath(bucket)))
            key = "" if relative == Path() else f"{relative}/"
            with suppress(ApiError):  # a name that no object can have
                here = ObsPath(bucket, key)
                if not any(owner.contains(here) for owner in self._owned):
                    counts[f"/{bucket}/{key.partition('/')[0]}"] += sum(not is_ignored(name) for name in names)
        for path, count in counts.items():
            if count:
                yield CheckFinding(path, "orphan", f"{count} files that no dataset reads or has written")

    def _folders(self) -> Iterator[tuple[str, Path, list[str]]]:
        """Every folder of every bucket with the names of its files; links are not followed."""
        for bucket in self._tree.buckets():
            for folder, _, names in os.walk(self._tree.local(ObsPath(bucket))):
                yield bucket, Path(folder), names


def render(report: Report) -> str:
    """The report as text, one line a dataset and one a problem."""
    lines = [f"data directory {report.data_dir}: {len(report.datasets)} datasets"]
    for dataset in report.datasets:
        formats = sorted({file.format for file in dataset.files if file.format is not None})
        size = sum(file.size for file in dataset.files)
        lines.append(
            f"dataset {dataset.id} {dataset.name or '(cannot be read)'}: {dataset.samples} samples"
            f" ({dataset.deleted} deleted), {dataset.labels} labels, {dataset.versions} versions;"
            f" {len(dataset.files)} files, {size} bytes, format {', '.join(map(str, formats)) or 'unknown'}"
        )
    lines += [f"repaired: {problem.path}: {problem.kind}: {problem.text}" for problem in report.repaired]
    lines += [f"{problem.path}: {problem.kind}: {problem.text}" for problem in report.problems]
    repairable = sum(problem.repairable for problem in report.problems)
    faults = sum(problem.kind in _FAULTS for problem in report.problems)
    lines.append(
        f"{faults} faults" + (f"; --repair mends {repairable}" if repairable else "") if faults else "all is well"
    )
    return "\n".join(lines) + "\n"
