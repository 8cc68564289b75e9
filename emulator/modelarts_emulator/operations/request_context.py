"""What a request is aimed at: the ids of its path, and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from modelarts_emulator.contract.errors import VERSION_NOT_FOUND, ApiError
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetReader, SampleReader, Unknown, VersionRecord


class RequestContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Path parameters, decoded; those that a route does not have are empty. ``base_url`` is this server's own."""

    project_id: str
    dataset_id: str = ""
    sample_id: str = ""
    version_id: str = ""
    task_id: str = ""
    label_name: str = ""
    base_url: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)
    """What of the request is not known or has no effect, to be told in the answer's header."""
    user: str = "human/local/local"
    """Who labels, as ``annotated_by`` has it: ``human/<domain>/<user>``."""

    def version(self, dataset: DatasetReader, version_id: str) -> VersionRecord:
        """A version of the dataset. Raises VERSION_NOT_FOUND."""
        version = dataset.version(version_id)
        if version is None:
            raise ApiError(VERSION_NOT_FOUND, version_id)
        return version


@contextmanager
def version_samples(runtime: Runtime, dataset_id: str, version_id: str) -> Iterator[SampleReader]:
    """The samples of a version. Raises VERSION_NOT_FOUND, also where they can no longer be read."""
    with ExitStack() as stack:
        try:
            samples = stack.enter_context(runtime.store.version(dataset_id, version_id))
        except Unknown:
            raise ApiError(VERSION_NOT_FOUND, version_id[:80]) from None
        yield samples
