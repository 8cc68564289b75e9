"""Copy datasets from one data-management API to another: files, the dataset's label list, and each sample's labels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from modelarts_emulator.contract.wire import DatasetStatus, DatasetType
from modelarts_emulator.exceptions import CommandFailed
from modelarts_emulator.pushing.object_storage import ObjectStorage
from modelarts_emulator.util.http_client import Client

PAGE = 100
DEADLINE_S = 3600.0
_POLL_S = 0.5
_TEXT = "content://"
# Members of a dataset's description that a request to create it has as well.
_CREATED_WITH = ("dataset_name", "dataset_type", "description", "work_path", "work_path_type", "label_format", "schema")


class PushedDataset(NamedTuple):
    """The result for one dataset; ``is_new`` is False for a name that existed, which is left as it is."""

    name: str
    is_new: bool
    samples: int = 0
    labelled: int = 0

    def __str__(self) -> str:
        if not self.is_new:
            return f"{self.name}: exists, left as it is"
        return f"{self.name}: {self.samples} samples, {self.labelled} labelled"


class DatasetPush:
    """Repeats datasets of a project of ``source`` in a project of ``target``; both are URLs ``…/v2/<project id>``.

    Objects keep their bucket and key; ``buckets`` renames buckets. Versions are not repeated: publish again there.
    """

    def __init__(
        self,
        source: Client,
        target: Client,
        storage: ObjectStorage,
        buckets: dict[str, str],
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._source, self._target, self._storage = source, target, storage
        self._buckets, self._progress = buckets, progress

    def names(self) -> list[str]:
        """Return the names of all datasets of the source."""
        return [each["dataset_name"] for each in _pages(self._source, "/datasets", "datasets")]

    def push(self, name: str) -> PushedDataset:
        """Repeat one dataset. Raises CommandFailed, NotRunning."""
        if self._find(self._target, name):
            return PushedDataset(name, is_new=False)
        found = self._find(self._source, name)
        if found is None:
            raise CommandFailed(f"there is no dataset {name!r}")
        details = self._source.call("GET", f"/datasets/{found}")
        samples = list(_pages(self._source, f"/datasets/{found}/data-annotations/samples", "samples"))
        for bucket in {self._renamed(path).split("/")[1] for path in _paths(details)}:
            self._storage.require_bucket(bucket)
        objects = {self._object(sample): sample for sample in samples}
        for path, sample in objects.items():
            self._storage.put(self._renamed(f"/{_place(details, path)}")[1:], self._content(sample, path))
            self._progress()
        dataset_id = self._create(details)
        labelled = self._label(dataset_id, samples)
        return PushedDataset(name, is_new=True, samples=len(samples), labelled=labelled)

    def _find(self, client: Client, name: str) -> str | None:
        for each in _pages(client, f"/datasets?search_content={quote(name)}", "datasets"):
            if each["dataset_name"] == name:
                return str(each["dataset_id"])
        return None

    def _create(self, details: dict[str, Any]) -> str:
        body = {member: details[member] for member in _CREATED_WITH if member in details}
        body["work_path"] = self._renamed(body["work_path"])
        body["import_annotations"] = False
        body["import_data"] = body["dataset_type"] == DatasetType.TABLE
        body["labels"] = details.get("labels", [])
        sources = [source for source in details.get("data_sources", []) if source.get("data_path")]
        if sources:
            body["data_sources"] = [{**each, "data_path": self._renamed(each["data_path"])} for each in sources]
        dataset_id = str(self._target.call("POST", "/datasets", body)["dataset_id"])
        pause, deadline = threading.Event(), time.monotonic() + DEADLINE_S
        while (status := self._target.call("GET", f"/datasets/{dataset_id}")["status"]) != DatasetStatus.NORMAL:
            if status in (DatasetStatus.ABNORMAL, DatasetStatus.DELETED) or time.monotonic() > deadline:
                raise CommandFailed(f"dataset {body['dataset_name']} does not become ready: status {status}")
            pause.wait(_POLL_S)
        return dataset_id

    def _label(self, dataset_id: str, samples: list[dict[str, Any]]) -> int:
        """Give each sample the labels that the source has; samples correspond by object and text."""
        path = f"/datasets/{dataset_id}/data-annotations/samples"
        known = {self._key(each, renamed=False): each["sample_id"] for each in _pages(self._target, path, "samples")}
        changes = []
        for sample in samples:
            if labels := sample.get("labels"):
                identity = known.get(self._key(sample, renamed=True))
                if identity is None:
                    raise CommandFailed(f"the service has no sample for {self._key(sample, renamed=True)[0]}")
                changes.append({"sample_id": identity, "labels": labels})
        for start in range(0, len(changes), PAGE):
            answer = self._target.call("PUT", path, {"samples": changes[start : start + PAGE]})
            failed = next((each for each in answer.get("results", []) if not each.get("success")), None)
            if failed:
                raise CommandFailed(f"sample {failed.get('sample_id')}: {failed.get('error_msg')}")
            self._progress()
        return len(changes)

    def _key(self, sample: dict[str, Any], *, renamed: bool) -> tuple[str, str, str]:
        """Return what identifies a sample in both places: its object, its text, its cells."""
        path = f"/{self._object(sample)}"
        source = sample.get("source", "")
        text = source if source.startswith(_TEXT) else ""
        return (self._renamed(path) if renamed else path), text, str(sample.get("sample_data", ""))

    @staticmethod
    def _object(sample: dict[str, Any]) -> str:
        """Return ``bucket/key`` of the file that holds a sample."""
        source = sample.get("source", "")
        if source and not source.startswith(_TEXT):
            return unquote(urlsplit(source).path).lstrip("/")
        return f"{sample['sample_dir']}{sample['sample_name']}".lstrip("/")

    def _content(self, sample: dict[str, Any], path: str) -> bytes:
        source = sample.get("source", "")
        url = source if source and not source.startswith(_TEXT) else ""
        parts = urlsplit(url) if url else urlsplit(self._source.url)
        with Client(f"{parts.scheme}://{parts.netloc}", self._source.headers) as client:
            place = f"{parts.path}?{parts.query}" if url else f"/{quote(path)}"
            answer = client.send("GET", place)
        if answer.status != 200:
            raise CommandFailed(f"cannot read {path}: status {answer.status}")
        return answer.body

    def _renamed(self, path: str) -> str:
        """Return ``/bucket/key`` with the bucket's name in the target."""
        bucket, slash, key = path.lstrip("/").partition("/")
        return f"/{self._buckets.get(bucket, bucket)}{slash}{key}"


def _place(details: dict[str, Any], path: str) -> str:
    """Return where the target finds a file: that of a table below the data source, from which it is imported."""
    inner = details["inner_data_path"].lstrip("/")
    sources = [source["data_path"] for source in details.get("data_sources", []) if source.get("data_path")]
    is_own = details["dataset_type"] == DatasetType.TABLE and path.startswith(inner)
    return f"{sources[0].strip('/')}/{path[len(inner) :]}" if is_own and sources else path


def _paths(details: dict[str, Any]) -> Iterator[str]:
    yield details["work_path"]
    for source in details.get("data_sources", []):
        if source.get("data_path"):
            yield source["data_path"]


def _pages(client: Client, path: str, member: str) -> Iterator[dict[str, Any]]:
    """Return the items of all pages of a list."""
    sign = "&" if "?" in path else "?"
    for page in range(1_000_000):
        found = client.call("GET", f"{path}{sign}limit={PAGE}&offset={page}").get(member, [])
        yield from found
        if len(found) < PAGE:
            return
