"""The files of a version: its manifest, the VOC files beside it, and copies of its pictures where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

from emulator.contract.wire import SampleStatus
from emulator.formats import manifest, voc
from emulator.obs.paths import ObsPath
from emulator.runtime import Runtime
from emulator.store import DatasetRecord, SampleReader, SampleRecord, Selection, VersionRecord

CHUNK = 1024 * 1024
IN_MEMORY = 8 * 1024 * 1024


def write_version(emu: Runtime, record: DatasetRecord, version: VersionRecord, samples: SampleReader) -> None:
    """Write ``<name>.manifest`` last, so that it never speaks of a file that is not there. Raises ApiError, OSError."""
    names = _Names()
    folder = ObsPath.parse(version.manifest_path).parent
    locations: dict[str, str] = {}
    if manifest.has_files(record.type):
        for sample in samples.select(Selection(statuses=frozenset({SampleStatus.MANUAL_ANNOTATION}))):
            path = folder.join(f"annotation/{names.unique(sample, '.xml')}")
            emu.tree.write(path, voc.write(sample))
            locations[sample.id] = path.uri()
    if version.export_images:
        _copy_pictures(emu, ObsPath.directory(version.data_path), samples)
    with SpooledTemporaryFile(IN_MEMORY) as file:
        manifest.write(_published(samples), file, annotation_loc=lambda sample: locations.get(sample.id))  # type: ignore[arg-type]
        file.seek(0)
        emu.tree.write(ObsPath.parse(version.manifest_path), iter(lambda: file.read(CHUNK), b""))


def _published(samples: SampleReader) -> Iterator[SampleRecord]:
    """Samples in the order of their arrival; labels that nobody has confirmed are not published."""
    for sample in samples.select(Selection()):
        if sample.status is SampleStatus.AUTO_ANNOTATION:
            sample.labels = []
        yield sample


def _copy_pictures(emu: Runtime, folder: ObsPath, samples: SampleReader) -> None:
    names = _Names()
    for sample in samples.select(Selection()):
        if sample.text is None and sample.cells is None:
            emu.tree.copy(ObsPath.parse("/" + sample.path), folder.join(names.unique(sample)))


class _Names:
    """File names in one folder for samples of many: the second of a name gets the sample's id as well."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, sample: SampleRecord, extension: str | None = None) -> str:
        """A name like the sample's, with another extension if one is given."""
        name = sample.path.rpartition("/")[2]
        stem, dot, own = name.rpartition(".")
        stem, ending = (stem, dot + own) if dot else (name, "")
        ending = ending if extension is None else extension
        chosen = f"{stem}{ending}"
        if chosen in self._taken:
            chosen = f"{stem}-{sample.id}{ending}"
        self._taken.add(chosen)
        return chosen
