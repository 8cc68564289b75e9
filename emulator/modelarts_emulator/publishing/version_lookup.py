"""Find a version of a dataset, and open the samples that it has kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from modelarts_emulator.contract.errors import VERSION_NOT_FOUND, ApiError
from modelarts_emulator.store import DatasetReader, DoesNotExist, SampleReader, Store, VersionRecord


def require_version(dataset: DatasetReader, version_id: str) -> VersionRecord:
    """Return a version of the dataset. Raises VERSION_NOT_FOUND."""
    version = dataset.version(version_id)
    if version is None:
        raise ApiError(VERSION_NOT_FOUND, version_id)
    return version


@contextmanager
def open_version_samples(store: Store, dataset_id: str, version_id: str) -> Iterator[SampleReader]:
    """Open the samples of a version. Raises VERSION_NOT_FOUND, also if their file is missing or damaged."""
    with ExitStack() as stack:
        try:
            samples = stack.enter_context(store.version(dataset_id, version_id))
        except DoesNotExist:
            raise ApiError(VERSION_NOT_FOUND, version_id[:80]) from None
        yield samples
