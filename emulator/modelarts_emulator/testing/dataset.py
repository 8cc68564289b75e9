"""Datasets for tests: files and labels in, a dataset that is ready out."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.wire import DatasetType, SampleType
from modelarts_emulator.store import SampleRecord
from modelarts_emulator.testing.project import Project

Content = bytes | str | Path
Labels = str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]


class ReadyDataset:
    """A dataset: its ``id``, and the ids of its ``samples`` by their names.

    A sample's name is that of its file below the input directory, such as ``cat/1.jpg``; of a text it is the text, and
    of a table's row its cells with commas between them.
    """

    def __init__(self, project: Project, dataset_id: str, folder: str) -> None:
        self.project, self.id = project, dataset_id
        self._start = f"{project.bucket}/{folder}/"
        self.samples: dict[str, str] = self._samples()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"{self.project.endpoint}/datasets/{self.id}"

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> Any:
        """Call the API below the dataset; as ``Project.call``."""
        return self.project.call(method, f"/datasets/{self.id}{path}", body, **query)

    def refresh(self) -> dict[str, str]:
        """Take in what has changed in its files, and return ``samples`` anew."""
        self.project.wait_idle()
        self.samples = self._samples()
        return self.samples

    def label(self, labels: Mapping[str, Labels]) -> None:
        """Label samples, by their names; a label is its name, or an object as the API has it. Raises Refused."""
        samples = [{"sample_id": self.samples[name], "labels": _labels(given)} for name, given in labels.items()]
        for start in range(0, len(samples), 100):
            self.call("PUT", "/data-annotations/samples", {"samples": samples[start : start + 100]})

    def publish(self, **members: Any) -> dict[str, Any]:
        """Publish a version and return it, when that has ended. Raises Refused, TimeoutError."""
        version_id = self.call("POST", "/versions", members)["version_id"]
        self.project.wait_tasks()
        version: dict[str, Any] = self.call("GET", f"/versions/{version_id}")
        return version

    def _samples(self) -> dict[str, str]:
        with self.project.emulator.runtime.store.reading(self.id) as dataset:
            known = (dataset.get(identity) for identity in dataset.ids())
            return {self._name(each): each.id for each in known if each is not None}

    def _name(self, sample: SampleRecord) -> str:
        if sample.cells is not None:
            return ",".join(sample.cells)
        return sample.path.removeprefix(self._start) if sample.text is None else sample.text


def create_dataset(
    project: Project,
    files: int | Mapping[str, Content] | Iterable[str] = 3,
    labels: Mapping[str, Labels] | None = None,
    *,
    dataset_type: int = DatasetType.IMAGE_CLASSIFICATION,
    name: str | None = None,
    folder: str | None = None,
    **members: Any,
) -> ReadyDataset:
    """Make a dataset, wait until it is ready, and label its samples.

    ``files`` are how many, their names, or contents by name: bytes, a text or a file to copy; what has no content gets
    one that suits the type. ``labels`` are one label or several by file name; each is a name, or an object as the API
    has it. ``folder`` is the key of its input directory, by default one that nothing else has, and ``members`` are
    further members of the request. Raises Refused, TimeoutError.
    """
    number = len(project.emulator.runtime.store.entries(project.project_id)) + 1
    folder = f"input-{number}" if folder is None else folder.strip("/")
    kind = DatasetType(dataset_type)
    project.path(f"{folder}/").mkdir(parents=True, exist_ok=True)  # also where there are to be no files yet
    for index, (key, content) in enumerate(_contents(kind, files).items()):
        project.put_file(
            f"{folder}/{key}", _CONTENTS[DATASET_TYPES[kind].sample_type](index) if content is None else content
        )
    body = {
        "dataset_name": name or f"dataset-{number}",
        "dataset_type": int(kind),
        "data_sources": [{"data_type": 0, "data_path": project.obs(f"{folder}/")}],
        "work_path": project.obs(f"output-{number}/"),
        "work_path_type": 0,
        "import_annotations": False,
        **members,
    }
    project.path(f"output-{number}/").mkdir(exist_ok=True)
    dataset_id = project.call("POST", "/datasets", body)["dataset_id"]
    project.wait_tasks()
    dataset = ReadyDataset(project, dataset_id, folder)
    if labels:
        dataset.label(labels)
    return dataset


def _contents(kind: DatasetType, files: int | Mapping[str, Content] | Iterable[str]) -> Mapping[str, Content | None]:
    if isinstance(files, Mapping):
        return files
    if isinstance(files, int):
        ending = (DATASET_TYPES[kind].extensions or (".bin",))[0]
        return {f"{number:04d}{ending}": None for number in range(files)}
    return dict.fromkeys(files)


def _labels(given: Labels) -> list[dict[str, Any]]:
    several = [given] if isinstance(given, str | Mapping) else given
    return [{"name": each} if isinstance(each, str) else dict(each) for each in several]


def _picture(number: int) -> bytes:
    """A small JPEG that is no other number's."""
    from PIL import Image  # noqa: PLC0415  (not before it is needed)

    out = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256 % 256, 128)).save(out, "JPEG", comment=b"%d" % number)
    return out.getvalue()


def _sound(number: int) -> bytes:
    """A tenth of a second of a square wave."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(255 * (place // (number % 50 + 4) % 2) for place in range(800)))
    return out.getvalue()


def _text(number: int) -> bytes:
    return f"This is text {number}.\n".encode()


def _table(number: int) -> bytes:
    return f"number,square\n{number},{number * number}\n".encode()


def _bytes(number: int) -> bytes:
    return b"%d" % number


_CONTENTS: dict[SampleType, Callable[[int], bytes]] = {
    SampleType.IMAGE: _picture,
    SampleType.TEXT: _text,
    SampleType.AUDIO: _sound,
    SampleType.TABLE: _table,
    SampleType.VIDEO: _bytes,
    SampleType.FREE_FORMAT: _bytes,
}
