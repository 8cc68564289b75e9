"""The parameters of an import, and the counts and problems that it reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.contract.imports import ImportTaskRequest
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.wire import DatasetType, LabelType
from modelarts_emulator.formats import directory_layouts
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.samples.hard_examples import HARD
from modelarts_emulator.samples.label_rules import type_of_label
from modelarts_emulator.store import DatasetRecord, SampleRecord

ORIGINS = {"obs": 0, "dws": 1, "dli": 2, "rds": 3, "mrs": 4, "inference": 6}
"""The value of ``@modelarts:import_origin`` for each ``import_origin``."""
MAX_REPORTED = 5
"""The number of problems that the message of a task names."""


LabelFilter = frozenset[tuple[str | None, LabelType | None]]
"""Names and types of labels; a type of None matches each type."""


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """Describe one import. ``source`` is a manifest if ``is_manifest``, otherwise a directory."""

    source: ObsPath
    is_manifest: bool
    user: str
    """The value of ``annotated_by`` for labels whose author is not known."""
    annotations: bool = True
    """Whether to import labels and metadata."""
    samples: bool = True
    """Whether to add samples that the dataset does not have yet."""
    included: LabelFilter = frozenset()
    """A sample needs one of these labels; empty for all samples."""
    excluded: LabelFilter = frozenset()
    """A sample must have none of these labels."""
    label_types: tuple[LabelType, ...] = ()
    """The types that labels of the dataset can have."""
    difficult_only: bool = False
    final: bool = True
    """Whether the labels are final, or have to be confirmed."""
    folder: str = ""
    """The folder below the input directory to copy objects to."""
    origin: int = 0
    """The value of ``@modelarts:import_origin``."""
    options: directory_layouts.DirectoryOptions = field(default_factory=directory_layouts.DirectoryOptions)

    def accepts(self, item: SampleRecord) -> bool:
        """Return whether a sample passes the filters of the import."""
        labels = {
            (label.name, each) for label in item.labels for each in (type_of_label(label, self.label_types), None)
        }
        if self.excluded & labels or (self.included and not self.included & labels):
            return False
        return not self.difficult_only or _is_difficult(item)


def import_plan(request: ImportTaskRequest, record: DatasetRecord, user: str) -> ImportPlan:
    """Return the plan that a request describes; label format and schema default to those of the dataset.

    Raises: PARAMETER_INVALID, PATH_INVALID, PATH_IS_BUCKET.
    """
    source = request.data_source
    if source is not None and source.data_type:
        raise ApiError(PARAMETER_INVALID, "data_source: only OBS (data_type 0) can be read by this emulator")
    text = request.import_path or (source.data_path if source else None)
    if not text:
        raise ApiError(PARAMETER_INVALID, "import_path: the path to import from is missing")
    is_manifest = _is_manifest(request, text)
    with_header = source.with_column_header if source else None
    if with_header is None:
        # A table has no header by default, but a manifest may name a version's table, which usually has one.
        with_header = request.with_column_header if is_manifest else bool(request.with_column_header)
    return ImportPlan(
        source=ObsPath.parse(text) if is_manifest else ObsPath.directory(text),
        is_manifest=is_manifest,
        user=user,
        annotations=request.import_annotations,
        samples=request.import_samples,
        included=_filter(request.included_labels, request.included_tags),
        excluded=_filter(request.excluded_labels, request.excluded_tags),
        label_types=DATASET_TYPES[record.type].labels,
        difficult_only=request.difficult_only,
        final=request.final_annotation,
        folder="" if record.type is DatasetType.TABLE else request.import_folder or "",
        origin=ORIGINS[request.import_origin],
        options=directory_layouts.DirectoryOptions(
            annotation_format=request.annotation_format,
            label_format=request.label_format or record.label_format,
            with_column_header=with_header,
            schema=record.schema,
            schema_maps=(source.schema_maps if source else None) or (),
        ),
    )


def _is_manifest(request: ImportTaskRequest, text: str) -> bool:
    if request.import_type is None:
        return text.endswith(".manifest")
    return request.import_type in ("manifest", "1")


def _filter(labels: Iterable[Label] | None, names: Iterable[str] | None) -> LabelFilter:
    return frozenset([(label.name, label.type) for label in labels or ()] + [(name, None) for name in names or ()])


class ImportProgress:
    """The counts of an import, under the names of the task's answer, and its first problems."""

    def __init__(self) -> None:
        self.total_sample_count = 0
        self.imported_sample_count = 0
        self.annotated_sample_count = 0
        self.unconfirmed_sample_count = 0
        self.total_sub_sample_count = 0
        self.imported_sub_sample_count = 0
        self.total_file_count = 0
        self.finished_file_count = 0
        self.total_file_size = 0
        self.finished_file_size = 0
        self.problem_count = 0
        self.problems: list[Problem] = []

    def report(self, problem: Problem) -> None:
        """Count an item that cannot be imported; the first MAX_REPORTED are kept for the message."""
        self.problem_count += 1
        if len(self.problems) < MAX_REPORTED:
            self.problems.append(problem)

    def counts(self) -> Mapping[str, int]:
        """Return the counts as a task record has them."""
        return {name: value for name, value in vars(self).items() if name != "problems"}

    def summary(self) -> str:
        """Return the problems in one line; empty if there are none."""
        if not self.problem_count:
            return ""
        more = self.problem_count - len(self.problems)
        return (
            f"{self.problem_count} skipped: {'; '.join(map(str, self.problems))}{f' and {more} more' if more else ''}"
        )


def _is_difficult(item: SampleRecord) -> bool:
    flags = ("difficult", HARD)
    return bool(item.metadata.get(HARD)) or any(
        str((label.property or {}).get(flag, "0")).lower() in ("1", "true") for label in item.labels for flag in flags
    )
