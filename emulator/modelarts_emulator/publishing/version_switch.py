"""Making the samples of a dataset those of a version.

A sample that the version does not have is set aside: nothing that goes on around its object brings it back, only a
synchronization that somebody asks for, or a change of the object.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelarts_emulator.store import DatasetWriter, FileRecord, SampleRecord


def restore_samples(dataset: DatasetWriter, samples: Iterable[SampleRecord]) -> None:
    """Make the samples those of a version. What was deleted and is not among them stays deleted."""
    gone = set(dataset.ids())
    lines: set[str] = set()
    for sample in samples:
        gone.discard(sample.id)
        dataset.put_sample(sample)
        if sample.text is not None or sample.cells is not None:
            lines.add(sample.path)
    for identity in gone:
        if known := dataset.get(identity):
            dataset.put_sample(known.tombstone(switched_out=True))
    _forget_readings(dataset, lines)


def forget_switched_out(dataset: DatasetWriter) -> None:
    """Forget what has been set aside, so that it is found again where it still lies."""
    identities = [sample.id for sample in dataset.tombstones() if sample.switched_out]
    for identity in identities:
        dataset.remove_sample(identity)
    if identities:
        _forget_readings(dataset)


def _forget_readings(dataset: DatasetWriter, paths: Iterable[str] = ()) -> None:
    """Let files of lines and rows be read anew when they are looked at next, although they have not changed."""
    files = dataset.files
    for path in {*files, *paths}:
        known = files.get(path)
        dataset.put_file(FileRecord(path=path, read_options=known.read_options if known else None))
