"""The files of a version: its manifest, the VOC files beside it, and copies of its objects where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from emulator.contract.wire import DatasetType, SampleStatus, SampleType
from emulator.formats import manifest, tabular, voc
from emulator.formats.folders import stem
from emulator.formats.layouts import Names, stem_name
from emulator.obs.paths import ObsPath
from emulator.runtime import Runtime
from emulator.store import DatasetRecord, SampleReader, SampleRecord, Selection, VersionRecord
from emulator.written import Written

CHUNK = 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024
_DRAWN = (DatasetType.OBJECT_DETECTION, DatasetType.VIDEO)


def write_version(emu: Runtime, record: DatasetRecord, version: VersionRecord, samples: SampleReader) -> None:
    """Write ``<name>.manifest`` last, so that it never speaks of a file that is not there.

    Raises ApiError, OSError; then nothing that was written stays.
    """
    with Written(emu.tree, record, version.version_id) as written:
        lines: Iterator[SampleRecord]
        if record.type is DatasetType.TABLE:
            lines = iter([_write_table(written, record, version, samples)])
        else:
            lines = _published(samples)
        locations = _write_drawings(written, record, version, samples)
        if version.export_images:
            _copy_objects(written, ObsPath.directory(version.data_path), samples)
        with SpooledTemporaryFile(IN_MEMORY) as file:
            manifest.write(lines, file, annotation_loc=lambda sample: locations.get(sample.id))  # type: ignore[arg-type]
            written.write(ObsPath.parse(version.manifest_path), _chunks(file))


def _published(samples: SampleReader) -> Iterator[SampleRecord]:
    """Samples in the order of their arrival; labels that nobody has confirmed are not published."""
    for sample in samples.select(Selection()):
        if sample.status is SampleStatus.AUTO_ANNOTATION:
            sample.labels = []
        yield sample


def _write_drawings(
    written: Written, record: DatasetRecord, version: VersionRecord, samples: SampleReader
) -> dict[str, str]:
    """Write the VOC files of labelled pictures; where each one's is, by sample id."""
    locations: dict[str, str] = {}
    if record.type not in _DRAWN:
        return locations
    names, folder = Names(), ObsPath.parse(version.manifest_path).parent
    for sample in samples.select(Selection(statuses=frozenset({SampleStatus.MANUAL_ANNOTATION}))):
        if manifest.has_file(sample):
            path = folder.join(f"annotation/{stem(names.unique(stem_name(sample.path)))}.xml")
            written.write(path, voc.write(sample))
            locations[sample.id] = path.uri()
    return locations


def _copy_objects(written: Written, folder: ObsPath, samples: SampleReader) -> None:
    names = Names()
    for sample in samples.select(Selection()):
        if sample.text is None and sample.cells is None:
            written.copy(ObsPath.parse(f"/{sample.path}"), folder.join(names.unique(stem_name(sample.path))))


def _write_table(
    written: Written, record: DatasetRecord, version: VersionRecord, samples: SampleReader
) -> SampleRecord:
    """Write all rows as one CSV file; it is the manifest's only source."""
    path = ObsPath.directory(version.data_path).join(f"{version.version_name}.csv")
    names = [str(field.name) for field in record.schema] if version.with_column_header else None
    with SpooledTemporaryFile(IN_MEMORY) as file:
        tabular.write((sample.cells or [] for sample in samples.select(Selection())), file, names)  # type: ignore[arg-type]
        written.write(path, _chunks(file))
    return SampleRecord(id=version.version_id, path=path.object_name, type=SampleType.TABLE, time=0)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(CHUNK), b"")
