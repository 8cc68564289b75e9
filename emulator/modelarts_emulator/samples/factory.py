"""Build the samples of a file: one for the whole file, one for each line, or one for each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import msgspec

from modelarts_emulator.contract.dataset_types import DatasetTypeTraits
from modelarts_emulator.contract.datasets import Field
from modelarts_emulator.contract.sources import LabelFormat, SchemaMap
from modelarts_emulator.contract.wire import DatasetType, SampleType
from modelarts_emulator.formats import csv_table, text
from modelarts_emulator.formats.column_values import fitting_values
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.paths import ObjectKey, ObsPath
from modelarts_emulator.store import DatasetRecord, ReadOptions, SampleRecord
from modelarts_emulator.util.ids import sample_id

WHOLE_LINES = ReadOptions(label_format=LabelFormat(label_type=text.BESIDE))


def input_directories(record: DatasetRecord) -> list[ObsPath]:
    """Return the directories that hold a dataset's samples: its data sources, or else its own ``data/`` directory."""
    paths = [] if record.reads_own_data else source_directories(record)
    return paths or [ObsPath.directory(record.inner_work_path + "data/")]


def source_directories(record: DatasetRecord) -> list[ObsPath]:
    """Return the directories of a dataset's data sources. Those of a table are imported once, if at all."""
    return [ObsPath.directory(source.data_path) for source in record.data_sources if source.data_path]


def file_sample(identity: str, traits: DatasetTypeTraits, path: ObjectKey, size: int, mtime_ns: int) -> SampleRecord:
    """Return the sample of a whole file; ``path`` is ``bucket/key``, ``size`` in bytes."""
    return SampleRecord(
        id=identity,
        path=path,
        type=traits.sample_type,
        time=mtime_ns // 1_000_000,
        size=size,
        signature=(size, mtime_ns),
    )


def read_options_of(record: DatasetRecord, path: ObjectKey) -> ReadOptions:
    """Return how the dataset reads a text or table file, unless an import or upload has set options for this file."""
    if record.type is not DatasetType.TABLE:
        is_classified = record.type is DatasetType.TEXT_CLASSIFICATION
        return ReadOptions(label_format=record.label_format) if is_classified else WHOLE_LINES
    for source in () if record.reads_own_data else record.data_sources:
        if source.data_path and ObsPath.directory(source.data_path).contains(ObsPath.of(path)):
            return ReadOptions(with_column_header=source.with_column_header, schema_maps=source.schema_maps or [])
    return ReadOptions()


def line_samples(
    record: DatasetRecord, path: ObjectKey, stream: BinaryIO, options: ReadOptions, *, time: int, has_results: bool
) -> Iterator[SampleRecord | Problem]:
    """Return the samples of a text file, one for each line; unusable lines are Problems.

    ``has_results``: the labels are in a separate file, so that lines contain no separators.
    """
    label_format = WHOLE_LINES.label_format if has_results else options.label_format
    seen: Counter[str] = Counter()
    for line in text.read_lines(stream):
        if isinstance(line, Problem):
            yield line
            continue
        content, _ = text.split(line[1], label_format)
        if content.strip():
            yield text_sample(record.id, path, content, seen[content], time)
            seen[content] += 1


def text_sample(dataset_id: str, path: ObjectKey, content: str, occurrence: int, time: int) -> SampleRecord:
    """Return the sample of a line. Its id depends on its content and not on its position.

    ``occurrence`` counts earlier lines of the file with the same content.
    """
    return SampleRecord(
        id=sample_id(dataset_id, path, content, occurrence),
        path=path,
        type=SampleType.TEXT,
        time=time,
        size=len(content.encode("utf-8", "surrogatepass")),
        text=content,
    )


def row_samples(
    record: DatasetRecord, path: ObjectKey, stream: BinaryIO, options: ReadOptions, *, time: int
) -> Iterator[SampleRecord | Problem]:
    """Return the samples of a table file, one for each row; rows that do not fit the schema are Problems."""
    names = csv_table.header(stream)
    stream.seek(0)
    if not names:  # the file has no rows, or its first one is not usable
        yield from (row for row in islice(csv_table.read(stream), 1) if isinstance(row, Problem))
        return
    columns = [str(field.name) for field in record.schema]
    order, missing = _order(names, columns, options.schema_maps)
    if missing:
        yield Problem("row 1", f"has no column {', '.join(missing)}", 1)
        return
    seen: Counter[tuple[str, ...]] = Counter()
    for row in csv_table.read(
        stream,
        columns=len(names) if options.schema_maps else len(columns) or len(names),
        order=order,
        skip_header=has_header(names, record.schema, options),
    ):
        if isinstance(row, Problem):
            yield row
            continue
        content = msgspec.json.encode(row).decode()
        key = tuple(row)
        yield SampleRecord(
            id=sample_id(record.id, path, content, seen[key]),
            path=path,
            type=SampleType.TABLE,
            time=time,
            size=sum(len(cell.encode("utf-8", "surrogatepass")) for cell in row),
            cells=fitting_values(row, record.schema),
        )
        seen[key] += 1


def has_header(names: Sequence[str], schema: Sequence[Field], options: ReadOptions) -> bool:
    """Return whether the first row of a table, ``names``, is a header.

    Without an explicit option it is one if the dataset has no schema yet, or if it equals the schema's names.
    """
    if options.with_column_header is not None:
        return options.with_column_header
    return not schema or list(names) == [field.name for field in schema]


def schema_of(names: Sequence[str]) -> list[Field]:
    """Return the schema for column names; all columns are strings."""
    return [Field(schema_id=number, name=name, type="STRING") for number, name in enumerate(names, 1)]


def _order(names: list[str], columns: list[str], maps: Sequence[SchemaMap]) -> tuple[list[int] | None, list[str]]:
    """Return the position of each schema column in a row if a map is given, and the names that the file lacks."""
    if not maps:
        return None, []
    sources = {mapped.dest_name: str(mapped.src_name) for mapped in maps}
    wanted = [sources.get(column, column) for column in columns]
    missing = [name for name in wanted if name not in names]
    return ([] if missing else [names.index(name) for name in wanted]), missing
