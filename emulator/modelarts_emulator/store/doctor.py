"""Check a data directory and its buckets, and repair what can be repaired without losing data.

``examine`` changes nothing. ``repair`` removes only files that the emulator itself has left behind, and rebuilds what
can be rebuilt. It never changes or removes the file of a sample.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.iam.signing_key import SIGNING_KEY_FILE, is_signing_key
from modelarts_emulator.iam.token_file import unreadable_lines
from modelarts_emulator.obs.metadata_file import METADATA_FILE, MetadataFile, damage_of
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.store import Damaged, DatasetDB, DatasetRecord, DoesNotExist, FormatTooNew, Store
from modelarts_emulator.store.check import CheckFinding, DataDirectoryCheck, DatasetSummary, leftovers
from modelarts_emulator.store.expected_files import EXPECTED_FILES
from modelarts_emulator.store.tinydb_storage import PREVIOUS_CHECKPOINT
from modelarts_emulator.system.directory_lock import ReadOnlyDirectoryLock
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.util.clock import SystemClock

MAX_LISTED = 20
"""Maximum number of missing files listed one by one per dataset."""
# The hidden name of an object that was being written when the emulator ended. The undo log of a task has other names:
# it is still needed.
_UNFINISHED = re.compile(r"\.~[0-9a-f]{16}")
_FAULTS = frozenset({"damaged", "torn", "newer", "leftover", "missing", "gone"})
"""Kinds of findings that are faults; all others are for information."""


class Report(msgspec.Struct):
    """The findings. After a repair, ``repaired`` has those that no longer exist."""

    data_dir: str
    datasets: list[DatasetSummary] = []
    problems: list[CheckFinding] = []
    repaired: list[CheckFinding] = []

    @property
    def is_healthy(self) -> bool:
        """Whether no fault was found."""
        return all(problem.kind not in _FAULTS for problem in self.problems)


def examine(data_dir: Path, buckets: Mapping[str, Path], progress: Callable[[], None] = lambda: None) -> Report:
    """Check a data directory and its buckets; nothing is changed.

    Args:
        data_dir: the directory.
        buckets: mounted folders by bucket name.
        progress: called after each dataset.

    Raises:
        DataDirectoryInUse: an emulator is using the directory.
        OSError: a file cannot be read.
    """
    with ReadOnlyDirectoryLock(data_dir), tempfile.TemporaryDirectory() as empty:
        own = data_dir / "obs"
        samples = _SampleFiles(ObjectTree(own if own.is_dir() else Path(empty), buckets))

        def on_dataset(record: DatasetRecord, db: DatasetDB) -> None:
            samples.check_dataset(record, db)
            progress()

        check = DataDirectoryCheck(data_dir, on_dataset)
        check.run()
        problems = [*check.problems, *samples.problems, *samples.unfinished(), *samples.unowned()]
        problems += _keys(data_dir)
        problems += _object_headers(data_dir, Path(empty))
        return Report(str(data_dir), check.datasets, sorted(problems))


def repair(data_dir: Path, buckets: Mapping[str, Path], progress: Callable[[], None] = lambda: None) -> Report:
    """Repair what can be repaired without losing data, and check again.

    Arguments and exceptions are those of ``examine``. A directory with files of a later release is not changed.
    """
    before = examine(data_dir, buckets, progress)
    if any(problem.kind == "newer" for problem in before.problems):
        return before
    # An emulator that has started since the check makes this fail. One that has started and ended has removed only
    # leftovers, as the repair does.
    store = Store(data_dir, clock=SystemClock())
    try:
        _repair(data_dir, buckets, before, store)
    finally:
        store.close()
    after = examine(data_dir, buckets)
    after.repaired = [problem for problem in before.problems if problem not in after.problems]
    return after


def _keys(data_dir: Path) -> Iterator[CheckFinding]:
    """Yield what the next start drops: a damaged key that signs URLs, and damaged tokens."""
    path = data_dir / SIGNING_KEY_FILE
    with suppress(FileNotFoundError):
        if not is_signing_key(path):
            yield CheckFinding(path.name, "damaged", "contains no key; the next start replaces it", repairable=True)
    path = data_dir / "tokens"
    with suppress(FileNotFoundError):
        if number := unreadable_lines(path):
            text = f"{number} damaged lines; the next start drops them, and these clients must log in again"
            yield CheckFinding(path.name, "damaged", text)


def _object_headers(data_dir: Path, copies: Path) -> Iterator[CheckFinding]:
    """Yield what is wrong with the metadata of objects. A copy is checked: opening the file would change it."""
    for path in data_dir.glob(f"{METADATA_FILE}*"):
        if path.name in (METADATA_FILE, f"{METADATA_FILE}-wal"):
            shutil.copyfile(path, copies / path.name)
    if (copies / METADATA_FILE).exists() and (text := damage_of(copies / METADATA_FILE)):
        yield CheckFinding(METADATA_FILE, "damaged", text, repairable=True)


def _repair(data_dir: Path, buckets: Mapping[str, Path], report: Report, store: Store) -> None:
    for path in leftovers(data_dir, report.problems):
        _remove(path)
    tree = ObjectTree(data_dir / "obs", buckets) if (data_dir / "obs").is_dir() or buckets else None
    for problem in report.problems:
        if tree and problem.kind == "leftover" and problem.path.startswith("/"):
            path = tree.local(ObsPath.parse(problem.path).parent) / ObsPath.parse(problem.path).name
            if not is_being_written(path):
                path.unlink(missing_ok=True)
        elif problem.path in (SIGNING_KEY_FILE, EXPECTED_FILES):  # the next start writes another
            (data_dir / problem.path).unlink(missing_ok=True)
        elif problem.repairable and problem.path.endswith(f"/{PREVIOUS_CHECKPOINT}"):
            (data_dir / problem.path).unlink(missing_ok=True)  # the next checkpoint writes another
    if any(problem.path == METADATA_FILE and problem.kind == "damaged" for problem in report.problems):
        with closing(MetadataFile(data_dir / METADATA_FILE)) as file:
            if not file.is_rebuilt:
                file.rebuild("found by the doctor")
    for dataset in report.datasets:
        with suppress(DoesNotExist, Damaged, FormatTooNew):
            store.checkpoint(dataset.id)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for each in path.iterdir():
            _remove(each)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


class _SampleFiles:
    """Compares the samples of the datasets with the files in the buckets."""

    def __init__(self, tree: ObjectTree) -> None:
        self._tree = tree
        self.problems: list[CheckFinding] = []
        self._owned: list[ObsPath] = []
        """Directories that a dataset reads or writes."""
        self._folders_on_disk: dict[str, Path | None] = {}

    def check_dataset(self, record: DatasetRecord, db: DatasetDB) -> None:
        """Add a finding for each sample whose file is missing. Raises msgspec.ValidationError."""
        directories = [source.data_path for source in record.data_sources if source.data_path]
        for text in (*directories, record.inner_work_path):
            with suppress(ApiError):
                self._owned.append(ObsPath.directory(text))
        paths = dict.fromkeys(str(sample["path"]) for sample in db.table("samples") if not sample.get("deleted"))
        missing = [path for path in paths if not self._exists(path)]
        for path in missing[:MAX_LISTED]:
            text = f"the file of a sample of dataset {record.name} is missing; synchronization removes the sample"
            self.problems.append(CheckFinding(f"/{path}", "gone", text))
        if len(missing) > MAX_LISTED:
            text = f"the files of {len(missing) - MAX_LISTED} more samples of dataset {record.name} are missing"
            self.problems.append(CheckFinding(f"/{missing[MAX_LISTED]}", "gone", text))

    def _exists(self, path: str) -> bool:
        """Return whether an object exists; True if its bucket is not available."""
        parent, _, name = path.rpartition("/")
        if parent not in self._folders_on_disk:
            self._folders_on_disk[parent] = self._local(parent)
        folder = self._folders_on_disk[parent]
        return folder is None or os.path.lexists(folder / name)

    def _local(self, parent: str) -> Path | None:
        """Return the folder of a directory; None, with a finding, if it is unknown."""
        try:
            return self._tree.local(ObsPath.parse(f"/{parent}/"))
        except ApiError as error:
            bucket = parent.partition("/")[0]
            if not self._tree.has_bucket(bucket):
                text = "the bucket is missing, so its samples were not checked; pass its folder: --bucket NAME=FOLDER"
                problem = CheckFinding(f"/{bucket}/", "unknown", text)
            else:
                problem = CheckFinding(f"/{parent}/", "damaged", error.message)
            if problem not in self.problems:
                self.problems.append(problem)
            return None

    def unfinished(self) -> Iterator[CheckFinding]:
        """Yield the objects that were being written when the emulator ended."""
        for bucket, folder, names in self._folders():
            for name in names:
                path = folder / name
                if _UNFINISHED.fullmatch(name) and not is_being_written(path):
                    key = path.relative_to(self._tree.local(ObsPath(bucket))).as_posix()
                    text = f"an interrupted upload of {path.stat().st_size} bytes"
                    yield CheckFinding(f"/{bucket}/{key}", "leftover", text, repairable=True)

    def unowned(self) -> Iterator[CheckFinding]:
        """Yield the number of files that no dataset uses, by the first directory of a bucket."""
        counts: Counter[str] = Counter()
        for bucket, folder, names in self._folders():
            relative = folder.relative_to(self._tree.local(ObsPath(bucket)))
            key = "" if relative == Path() else f"{relative.as_posix()}/"
            with suppress(ApiError):  # a name that no object can have
                here = ObsPath(bucket, key)
                if not any(owner.contains(here) for owner in self._owned):
                    counts[f"/{bucket}/{key.partition('/')[0]}"] += sum(not is_ignored(name) for name in names)
        for path, count in counts.items():
            if count:
                yield CheckFinding(path, "orphan", f"{count} files that no dataset reads or has written")

    def _folders(self) -> Iterator[tuple[str, Path, list[str]]]:
        """Yield every folder of every bucket with the names of its files; links are not followed."""
        for bucket in self._tree.buckets():
            for folder, _, names in os.walk(self._tree.local(ObsPath(bucket))):
                yield bucket, Path(folder), names


def render(report: Report) -> str:
    """Return the report as text, one line per dataset and per finding."""
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
    lines.append(_summary(report))
    return "\n".join(lines) + "\n"


def _summary(report: Report) -> str:
    faults = sum(problem.kind in _FAULTS for problem in report.problems)
    if not faults:
        return "no faults"
    repairable = sum(problem.repairable for problem in report.problems)
    return f"{faults} faults" + (f"; --repair repairs {repairable}" if repairable else "")
