"""Which samples a file holds: itself, one a line, or one a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from modelarts_emulator.contract.dataset_types import DatasetTypeTraits
from modelarts_emulator.contract.datasets import Field
from modelarts_emulator.contract.sources import LabelFormat, SchemaMap
from modelarts_emulator.contract.wire import DatasetType, SampleType
from modelarts_emulator.formats import csv_table, text
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store import DatasetRecord, ReadOptions, SampleRecord
from modelarts_emulator.util.ids import sample_id

WHOLE_LINES = ReadOptions(label_format=LabelFormat(label_type=text.BESIDE))


def file_sample(identity: str, kind: DatasetTypeTraits, path: str, size: int, mtime_ns: int) -> SampleRecord:
    """A sample that is a whole file; ``path`` is ``bucket/key``."""
    return SampleRecord(
        id=identity,
        path=path,
        type=kind.sample_type,
        time=mtime_ns // 1_000_000,
        size=size,
        signature=(size, mtime_ns),
    )


def reading_of(record: DatasetRecord, path: str) -> ReadOptions:
    """How the dataset reads a file of lines or rows, where nobody has said otherwise for this very file."""
    if record.type is not DatasetType.TABLE:
        is_classified = record.type is DatasetType.TEXT_CLASSIFICATION
        return ReadOptions(label_format=record.label_format) if is_classified else WHOLE_LINES
    for source in record.data_sources:
        if source.data_path and ObsPath.directory(source.data_path).contains(ObsPath.parse(f"/{path}")):
            return ReadOptions(with_column_header=source.with_column_header, schema_maps=source.schema_maps or [])
    return ReadOptions()


def line_samples(
    record: DatasetRecord, path: str, stream: BinaryIO, reading: ReadOptions, *, time: int, has_results: bool
) -> Iterator[SampleRecord | Problem]:
    """The samples of a text file, one a line; ``has_results`` says that its labels have a file of their own."""
    label_format = WHOLE_LINES.label_format if has_results else reading.label_format
    seen: Counter[str] = Counter()
    for line in text.read_lines(stream):
        if isinstance(line, Problem):
            yield line
            continue
        content, _ = text.split(line[1], label_format)
        if content.strip():
            yield text_sample(record.id, path, content, seen[content], time)
            seen[content] += 1


def text_sample(dataset_id: str, path: str, content: str, occurrence: int, time: int) -> SampleRecord:
    """A sample that is a line; it is known by its content, so that lines may come and go around it."""
    return SampleRecord(
        id=sample_id(dataset_id, path, content, occurrence),
        path=path,
        type=SampleType.TEXT,
        time=time,
        size=len(content.encode("utf-8", "surrogatepass")),
        text=content,
    )


def row_samples(
    record: DatasetRecord, path: str, stream: BinaryIO, reading: ReadOptions, *, time: int
) -> Iterator[SampleRecord | Problem]:
    """The samples of a table file, one a row; rows that do not fit the schema are Problems."""
    names = csv_table.header(stream)
    stream.seek(0)
    columns = [str(field.name) for field in record.schema]
    seen: Counter[tuple[str, ...]] = Counter()
    for row in csv_table.read(
        stream,
        columns=len(names) if reading.schema_maps else len(columns) or len(names),
        order=_order(names, columns, reading.schema_maps),
        skip_header=has_header(names, record.schema, reading),
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
            cells=row,
        )
        seen[key] += 1


def has_header(names: Sequence[str], schema: Sequence[Field], reading: ReadOptions) -> bool:
    """Whether a table's first row, ``names``, is that of the column names.

    Where nobody has said, it is if the dataset has no schema yet, or if it says the schema's very names.
    """
    if reading.with_column_header is not None:
        return reading.with_column_header
    return not schema or list(names) == [field.name for field in schema]


def schema_of(names: Sequence[str]) -> list[Field]:
    """The schema that column names make; all columns hold text."""
    return [Field(schema_id=number, name=name, type="STRING") for number, name in enumerate(names, 1)]


def _order(names: list[str], columns: list[str], maps: Sequence[SchemaMap]) -> list[int] | None:
    """Where in a row each column of the schema stands, where the file has other names for them."""
    if not maps:
        return None
    sources = {mapped.dest_name: mapped.src_name for mapped in maps}
    places = [
        names.index(str(sources.get(column, column))) for column in columns if sources.get(column, column) in names
    ]
    return places if len(places) == len(columns) else None
