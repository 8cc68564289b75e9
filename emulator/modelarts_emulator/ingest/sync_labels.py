"""Labels that a synchronization brings: from the label files beside the samples, for samples that have none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.formats import directory_layouts
from modelarts_emulator.ingest.import_files import FileImport
from modelarts_emulator.ingest.import_plan import ImportPlan, ImportProgress
from modelarts_emulator.ingest.merge import Candidate, Merge, merge_import
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetRecord, SampleRecord

TYPES_WITH_INPUT_LABELS = (
    DatasetType.IMAGE_CLASSIFICATION,
    DatasetType.OBJECT_DETECTION,
    DatasetType.IMAGE_SEGMENTATION,
    DatasetType.TEXT_CLASSIFICATION,
)
"""The dataset types whose input can have labels."""
MAX_PEEKED = 10_000
"""The number of objects that are checked for labels; a larger input is read without a check."""


def brings_labels(record: DatasetRecord) -> bool:
    """Return whether labels in the input of a dataset are its labels, if there are any."""
    return record.import_annotations and record.type in TYPES_WITH_INPUT_LABELS and bool(record.data_sources)


def has_label_files(record: DatasetRecord, listing: Listing, limit: int | None = MAX_PEEKED) -> bool:
    """Return whether the first ``limit`` objects of a listing include labels, or are too many to check."""
    for directory in listing.directories:
        start = len(directory.object_name)
        names = [entry.path[start:] for entry in islice(listing.entries(directory), limit)]
        if len(names) == limit or directory_layouts.has_annotations(record.type, names):
            return True
    return False


class LabelSync(FileImport):
    """Read the labels of one input directory, and give them to the samples that have none.

    Samples with labels keep them, and no sample is added or brought back.
    """

    @property
    def merge(self) -> Merge:
        """The merge policy of the pipeline."""
        return partial(merge_missing_labels, dataset_type=self.record.type)


def merge_missing_labels(
    stored: SampleRecord | None, candidate: Candidate, dataset_type: DatasetType
) -> SampleRecord | None:
    """Merge the labels of a file into a sample without labels; None leaves the sample as it is.

    Raises the errors of ``validate_labels``.
    """
    if stored is None or stored.deleted or stored.labels:
        return None
    if candidate.labelling is None or not candidate.labelling.labels:
        return None
    return merge_import(stored, candidate, dataset_type)


def synchronize_labels(
    runtime: Runtime, record: DatasetRecord, listing: Listing, user: str, on_progress: Callable[[], None]
) -> ImportProgress:
    """Read the labels of a dataset's input; ``user`` is the author of labels that name none.

    Nothing is read if every sample has labels, if the dataset does not take labels from its input, or if there are no
    label files. Raises ApiError, OSError.
    """
    progress = ImportProgress()
    counts = runtime.store.entry(record.id).counts
    is_complete = counts.annotated + counts.unconfirmed >= counts.total
    if is_complete or not brings_labels(record) or DATASET_TYPES[record.type].unit != "file":
        return progress
    if not has_label_files(record, listing, limit=None):
        return progress
    for source in listing.directories:
        plan = ImportPlan(
            source=source,
            is_manifest=False,
            user=user,
            samples=False,
            options=directory_layouts.DirectoryOptions(label_format=record.label_format, schema=record.schema),
        )
        LabelSync(runtime, record, plan, listing, progress, on_progress).run()
    return progress
