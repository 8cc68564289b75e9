"""Datasets for tests, created from files and labels and returned when they are ready."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.wire import DatasetType, SampleType
from modelarts_emulator.embedding.keywords import DatasetKeywords, VersionKeywords
from modelarts_emulator.exceptions import InvalidValue, did_you_mean, require_keywords
from modelarts_emulator.testing.project import Project
from modelarts_emulator.testing.sample_labels import Labels, label_list
from modelarts_emulator.testing.team import ReadyTeam, ReadyTeamTask

if TYPE_CHECKING:
    from typing_extensions import Unpack

Content = bytes | str | Path


class ReadyDataset:
    """A dataset that is ready: its ``id``, and its ``samples`` as ids by name.

    The name of a sample is that of its file below the input directory, such as ``cat/1.jpg``; the text of a text
    sample; or the cells of a table's row joined by commas.

    >>> dataset = modelarts_dataset(["cat/1.jpg", "dog/1.jpg"])
    >>> sorted(dataset.samples)
    ['cat/1.jpg', 'dog/1.jpg']
    """

    def __init__(self, project: Project, dataset_id: str, folder: str) -> None:
        self.project, self.id = project, dataset_id
        self._start = f"{project.bucket}/{folder}/"
        self.samples: dict[str, str] = self._samples()
        self.team_task: ReadyTeamTask | None = None
        """The team labelling task, if the dataset was created with a team."""

    def __repr__(self) -> str:
        return f"<ReadyDataset {self.url}, {len(self.samples)} samples>"

    @property
    def url(self) -> str:
        """The URL of the dataset."""
        return f"{self.project.endpoint}/datasets/{self.id}"

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> Any:
        """Call the API below the dataset, as ``Project.call`` does. Raises RequestRefused.

        >>> dataset = modelarts_dataset(3)
        >>> dataset.call("GET", "/data-annotations/samples", limit=1)["sample_count"]
        3
        """
        return self.project.call(method, f"/datasets/{self.id}{path}", body, **query)

    def refresh(self) -> dict[str, str]:
        """Wait until changed files are applied, then update and return ``samples``. Raises IdleTimeout.

        >>> dataset = modelarts_dataset(1, folder="input")
        >>> _ = modelarts.put_file("input/new.jpg", b"no image")
        >>> len(dataset.refresh())
        2
        """
        self.project.wait_idle()
        self.samples = self._samples()
        return self.samples

    def label(self, labels: Mapping[str, Labels]) -> None:
        """Replace the labels of samples, by sample name; a label is its name, or an object as the API has it.

        >>> dataset = modelarts_dataset(["1.jpg", "2.jpg"])
        >>> dataset.label({"1.jpg": "cat", "2.jpg": ["dog", {"name": "pet"}]})

        Raises:
            InvalidValue: there is no sample with this name; no label has been changed.
            RequestRefused: the answer is an error.
        """
        for name in labels:
            if name not in self.samples:
                hint = did_you_mean(name, self.samples) or f"it has {len(self.samples)}"
                raise InvalidValue(f"the dataset has no sample {name!r}; {hint}")
        samples = [{"sample_id": self.samples[name], "labels": label_list(given)} for name, given in labels.items()]
        for start in range(0, len(samples), 100):
            self.call("PUT", "/data-annotations/samples", {"samples": samples[start : start + 100]})

    def publish(self, **members: Unpack[VersionKeywords]) -> dict[str, Any]:
        """Publish a version, wait until that has ended, and return the version.

        >>> modelarts_dataset(1, {"0000.jpg": "cat"}).publish(version_name="V1")["status"]
        1

        Raises:
            UnknownKeyword: a keyword does not exist.
            RequestRefused: the answer is an error.
            IdleTimeout: the task is still open after 10 s.
        """
        require_keywords(members, VersionKeywords.__annotations__, "publish")
        version_id = self.call("POST", "/versions", members)["version_id"]
        self.project.wait_tasks()
        version: dict[str, Any] = self.call("GET", f"/versions/{version_id}")
        return version

    def _samples(self) -> dict[str, str]:
        found = self.project.emulator.samples(self.id)
        return {name.removeprefix(self._start): sample_id for name, sample_id in found.items()}


class DatasetFactory(Protocol):
    """The fixture ``modelarts_dataset``; see ``create_dataset`` for its arguments.

    >>> modelarts_dataset(2, {"0000.jpg": "cat"}, description="cats")
    <ReadyDataset ..., 2 samples>
    """

    def __call__(
        self,
        files: int | Mapping[str, Content] | Iterable[str] = 3,
        labels: Mapping[str, Labels] | None = None,
        *,
        dataset_type: int = ...,
        name: str | None = None,
        folder: str | None = None,
        team: ReadyTeam | None = None,
        **members: Unpack[DatasetKeywords],
    ) -> ReadyDataset:
        """Create a dataset, wait until it is ready, and label its samples."""


def create_dataset(
    project: Project,
    files: int | Mapping[str, Content] | Iterable[str] = 3,
    labels: Mapping[str, Labels] | None = None,
    *,
    dataset_type: int = DatasetType.IMAGE_CLASSIFICATION,
    name: str | None = None,
    folder: str | None = None,
    team: ReadyTeam | None = None,
    **members: Unpack[DatasetKeywords],
) -> ReadyDataset:
    """Create a dataset, wait until it is ready, and label its samples.

    ``files`` is a number of files, their names, or their contents by name: bytes, a string, or the path of a file to
    copy. A file without content gets one that suits the type. ``labels`` has one label or several by sample name; a
    label is its name, or an object as the API has it. ``folder`` is the key of the input directory, by default a new
    one.
    With ``team``, the unlabelled samples are allotted to its labelers in a task. ``members`` are further members of
    the request that creates the dataset.

    >>> dataset = create_dataset(modelarts, {"a.txt": "first\\nsecond\\n"}, {"first": "good"}, dataset_type=100)
    >>> sorted(dataset.samples)
    ['first', 'second']

    Raises:
        UnknownKeyword: a keyword does not exist.
        InvalidValue: the dataset type does not exist.
        RequestRefused: an answer is an error.
        IdleTimeout: a task is still open after 10 s.
    """
    require_keywords(members, DatasetKeywords.__annotations__, "modelarts_dataset")
    try:
        kind = DatasetType(dataset_type)
    except ValueError:
        known = ", ".join(str(int(each)) for each in DatasetType)
        raise InvalidValue(f"dataset_type {dataset_type!r} is not accepted; accepted are {known}") from None
    number = len(project.emulator.datasets(project.project_id)) + 1
    folder = f"input-{number}" if folder is None else folder.strip("/")
    project.path(f"{folder}/").mkdir(parents=True, exist_ok=True)  # also without files
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
        "import_data": True,  # of tables; other types ignore it
        **members,
    }
    project.path(f"output-{number}/").mkdir(exist_ok=True)
    dataset_id = project.call("POST", "/datasets", body)["dataset_id"]
    project.wait_tasks()
    dataset = ReadyDataset(project, dataset_id, folder)
    if labels:
        dataset.label(labels)
    if team is not None:
        dataset.team_task = team.task(dataset_id)
    return dataset


def _contents(kind: DatasetType, files: int | Mapping[str, Content] | Iterable[str]) -> Mapping[str, Content | None]:
    if isinstance(files, Mapping):
        return files
    if isinstance(files, int):
        suffix = (DATASET_TYPES[kind].extensions or (".bin",))[0]
        return {f"{number:04d}{suffix}": None for number in range(files)}
    return dict.fromkeys(files)


def _picture(number: int) -> bytes:
    """Return a small JPEG, a different one for each number."""
    from PIL import Image  # noqa: PLC0415  (only image datasets need it)

    out = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256 % 256, 128)).save(out, "JPEG", comment=b"%d" % number)
    return out.getvalue()


def _sound(number: int) -> bytes:
    """Return a tenth of a second of a square wave."""
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
