"""The files of a published version: its manifest, VOC files and masks, and copies of its objects if requested."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.wire import DatasetType, SampleStatus, SampleType
from modelarts_emulator.formats import csv_table, manifest, voc
from modelarts_emulator.formats.directory_layouts import UniqueNames, file_name
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.masks import MASK_SCHEME, MaskFiles
from modelarts_emulator.jobs.undo_log import OutputTransaction
from modelarts_emulator.media.picture_gate import PROCESS_GATE
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store import DatasetRecord, SampleRecord, Selection, Store, VersionRecord

CHUNK = 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024


class VersionFiles:
    """Collects the manifest of a version sample by sample, then writes all files. A context manager."""

    def __init__(self, record: DatasetRecord, version: VersionRecord) -> None:
        self._record, self._version = record, version
        self._folder = ObsPath.parse(version.manifest_path).parent
        self._names = UniqueNames()
        self._voc_files: dict[str, ObsPath] = {}
        """The path of each VOC file, by sample id."""
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  (closed at the end of the context)
        self._lines = manifest.ManifestWriter(self._file)

    def __enter__(self) -> VersionFiles:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, sample: SampleRecord) -> None:
        """Add a sample. Takes ownership of it: labels that are not confirmed are removed from it."""
        if self._record.type is DatasetType.TABLE:
            return
        location = None
        if sample.status is SampleStatus.AUTO_ANNOTATION:
            sample.labels = []
        elif DATASET_TYPES[self._record.type].drawn and manifest.has_file(sample):
            name = stem(self._names.unique(file_name(sample.path)))
            path = self._voc_files[sample.id] = self._folder.join(f"annotation/{name}.xml")
            location = path.uri(manifest.SCHEME)
        self._lines.add(sample, location)

    def write(self, store: Store, output: OutputTransaction) -> None:
        """Write all files, ``<name>.manifest`` last, so that it never names a file that does not exist.

        Raises ApiError, OSError.
        """
        if self._record.type is DatasetType.TABLE:
            self._lines.add(self._write_table(store, output))
        if self._voc_files:
            self._write_voc_files(store, output)
        if self._version.export_images:
            self._copy_objects(store, output)
        self._lines.flush()
        output.write(ObsPath.parse(self._version.manifest_path), _chunks(self._file))
        output.flush()

    def _samples(self, store: Store) -> Iterator[SampleRecord]:
        with store.version(self._record.id, self._version.version_id) as samples:
            yield from samples.select(Selection())

    def _write_voc_files(self, store: Store, output: OutputTransaction) -> None:
        is_segmented = self._record.type is DatasetType.IMAGE_SEGMENTATION
        masks = MaskFiles(self._version.labels, PROCESS_GATE, self._mask_location) if is_segmented else None
        for sample in self._samples(store):
            if path := self._voc_files.get(sample.id):
                if masks is not None:
                    sample = masks.add(sample, stem(path.name), self._writer(output))  # noqa: PLW2901
                output.write(path, voc.write(sample))

    def _writer(self, output: OutputTransaction) -> Callable[[str, bytes], None]:
        return lambda name, data: output.write(self._folder.join(name), data)

    def _mask_location(self, name: str) -> str:
        return self._folder.join(name).uri(MASK_SCHEME)

    def _copy_objects(self, store: Store, output: OutputTransaction) -> None:
        names, folder = UniqueNames(), ObsPath.directory(self._version.data_path)
        for sample in self._samples(store):
            if sample.text is None and sample.cells is None:
                output.copy(ObsPath.of(sample.path), folder.join(names.unique(file_name(sample.path))))

    def _write_table(self, store: Store, output: OutputTransaction) -> SampleRecord:
        """Write all rows to one CSV file, which becomes the only source of the manifest."""
        version = self._version
        path = ObsPath.directory(version.data_path).join(f"{version.version_name}.csv")
        names = [str(field.name) for field in self._record.schema] if version.with_column_header else None
        with SpooledTemporaryFile(IN_MEMORY) as file:
            csv_table.write(
                ([cell or "" for cell in sample.cells or ()] for sample in self._samples(store)), file, names
            )
            output.write(path, _chunks(file))
        return SampleRecord(id=version.version_id, path=path.object_name, type=SampleType.TABLE, time=0)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(CHUNK), b"")
