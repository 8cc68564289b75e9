"""Create the datasets of plans through the API, one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, TaskStatus, VersionStatus
from modelarts_emulator.exceptions import CommandFailed
from modelarts_emulator.seeding import UNFINISHED
from modelarts_emulator.seeding.object_upload import ObjectUploader
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedSample
from modelarts_emulator.util.http_client import Client, quote_segment

BATCH = 100
DEADLINE_S = 600.0
_POLL_S = 0.01
# Creating a dataset of these types also imports its label files; other types need an import task.
_LABELS_AT_CREATION = {
    DatasetType.IMAGE_CLASSIFICATION,
    DatasetType.OBJECT_DETECTION,
    DatasetType.IMAGE_SEGMENTATION,
    DatasetType.TEXT_CLASSIFICATION,
}


class SeededDataset(NamedTuple):
    """A dataset after seeding; ``is_new`` is False if it existed before."""

    name: str
    dataset_id: str
    project_id: str
    is_new: bool
    samples: int
    annotated: int
    versions: int

    def line(self) -> str:
        """Return the result for people."""
        if not self.is_new:
            return f"{self.name}: exists already, not changed"
        return f"{self.name}: {self.samples} samples, {self.annotated} labelled, {self.versions} versions"


class Seeder:
    """Creates datasets in one project. ``progress`` is called for every file and every batch of samples."""

    def __init__(
        self, client: Client, project_id: str, objects: ObjectUploader, progress: Callable[[], None] = lambda: None
    ) -> None:
        self._client, self._objects, self._progress = client, objects, progress
        self._project = project_id
        self._base = f"/v2/{quote_segment(project_id)}/datasets"

    def seed(self, plan: DatasetPlan) -> SeededDataset:
        """Create a dataset, unless it exists. After an error, the new dataset is deleted. Raises CommandFailed."""
        there = self._existing(plan.name)
        if there and there.get("description") != UNFINISHED:
            return self._result(there["dataset_id"], plan, is_new=False)
        if there:
            self._call("DELETE", f"/{there['dataset_id']}")
        self._put_files(plan)
        dataset_id = self._create(plan)
        try:
            self._fill(dataset_id, plan)
        except BaseException:
            with suppress(CommandFailed):  # the first error is reported
                self._client.send("DELETE", f"{self._base}/{dataset_id}")
            raise
        return self._result(dataset_id, plan, is_new=True)

    # Steps

    def _existing(self, name: str) -> dict[str, Any] | None:
        for page in range(10_000):
            query = urlencode({"limit": BATCH, "offset": page, "search_content": name})
            found = self._call("GET", f"?{query}")["datasets"]
            for dataset in found:
                if dataset["dataset_name"] == name:
                    return dict(dataset)
            if len(found) < BATCH:
                return None
        return None

    def _put_files(self, plan: DatasetPlan) -> None:
        for bucket in plan.buckets():
            self._objects.make_bucket(bucket)
        for file in plan.files + ([plan.manifest] if plan.manifest else []):
            self._objects.put(file.path, file.content)
            self._progress()
        for path in plan.external:
            if not self._objects.has(path):
                raise CommandFailed(
                    f"dataset {plan.name}: {path.uri()} exists neither beside the manifest nor in the emulator"
                )

    def _create(self, plan: DatasetPlan) -> str:
        body: dict[str, Any] = {
            "dataset_name": plan.name,
            "dataset_type": int(plan.type),
            "description": UNFINISHED,
            "work_path": str(plan.output),
            "work_path_type": 0,
            "import_annotations": plan.annotations and plan.type in _LABELS_AT_CREATION,
            "labels": plan.labels,
        }
        if plan.input:
            body["data_sources"] = [{"data_type": 0, "data_path": str(plan.input)}]
        if plan.type is DatasetType.TABLE:
            body["import_data"] = True
        try:
            return str(self._call("POST", "", body)["dataset_id"])
        except CommandFailed as error:
            raise CommandFailed(f"dataset {plan.name}: {error}") from None

    def _fill(self, dataset_id: str, plan: DatasetPlan) -> None:
        try:
            details = self._ready(dataset_id)
            if details.get("import_task_id"):
                self._require_import(dataset_id, details["import_task_id"])
            if plan.manifest:
                self._import(dataset_id, {"import_path": plan.manifest.path.uri(), "import_type": "manifest"})
            elif plan.input and plan.annotations and plan.type is DatasetType.SOUND_CLASSIFICATION:
                self._import(dataset_id, {"import_path": plan.input.uri(), "import_type": "dir"})
            batches = [plan.samples, *(version.samples for version in plan.versions)]
            known = dict(self._samples(dataset_id, plan)) if any(batches) else {}
            self._label(dataset_id, plan.samples, known)
            for version in plan.versions:
                self._label(dataset_id, version.samples, known)
                self._publish(dataset_id, version.request)
            self._call("PUT", f"/{dataset_id}", {"description": plan.description})
        except CommandFailed as error:
            raise CommandFailed(f"dataset {plan.name}: {error}") from None

    def _import(self, dataset_id: str, request: dict[str, Any]) -> None:
        task_id = self._call("POST", f"/{dataset_id}/import-tasks", request)["task_id"]
        self._ready(dataset_id)
        self._require_import(dataset_id, task_id)

    def _require_import(self, dataset_id: str, task_id: str) -> None:
        path = f"/{dataset_id}/import-tasks/{task_id}"
        ended = (TaskStatus.COMPLETED.value, TaskStatus.FAILED.value)
        task = self._wait(lambda: self._call("GET", path), lambda task: task["status"] in ended)
        if task["status"] != TaskStatus.COMPLETED.value or task.get("error_msg"):
            raise CommandFailed(f"the import failed: {task.get('error_msg', task['status'])}")

    def _label(self, dataset_id: str, samples: Sequence[SeedSample], known: Mapping[str, str]) -> None:
        changes = []
        for sample in samples:
            if sample.key not in known:
                raise CommandFailed(f"sample {sample.key!r} does not exist")
            changes.append({"sample_id": known[sample.key], **sample.wire()})
        for start in range(0, len(changes), BATCH):
            batch = changes[start : start + BATCH]
            results = self._call("PUT", f"/{dataset_id}/data-annotations/samples", {"samples": batch})["results"]
            for sample, result in zip(samples[start:], results, strict=False):
                if not result["success"]:
                    raise CommandFailed(f"sample {sample.key!r}: {result['error_msg']}")
            self._progress()

    def _samples(self, dataset_id: str, plan: DatasetPlan) -> Iterator[tuple[str, str]]:
        """Yield name and id of every sample; the name is a path below the input, a text, or cells joined by commas."""
        start = str(plan.input) if plan.input else ""
        for page in range(1_000_000):
            query = f"limit={BATCH}&offset={page}&order=asc"
            samples = self._call("GET", f"/{dataset_id}/data-annotations/samples?{query}")["samples"]
            for sample in samples:
                source = sample.get("source", "")
                if source.startswith("content://"):
                    yield source.removeprefix("content://"), sample["sample_id"]
                else:
                    yield (sample["sample_dir"] + sample["sample_name"]).removeprefix(start), sample["sample_id"]
            if len(samples) < BATCH:
                return

    def _publish(self, dataset_id: str, version: dict[str, Any]) -> None:
        version_id = self._call("POST", f"/{dataset_id}/versions", version)["version_id"]
        path = f"/{dataset_id}/versions/{version_id}"
        made = self._wait(lambda: self._call("GET", path), lambda answer: answer["status"] != VersionStatus.CREATING)
        if made["status"] != VersionStatus.RUNNING:
            raise CommandFailed(f"version {made.get('version_name')} failed: {made.get('message') or 'see the log'}")

    # Calls

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self._client.call(method, self._base + path, body)

    def _ready(self, dataset_id: str) -> dict[str, Any]:
        """Wait until the dataset is idle and return its details. Raises CommandFailed if its status is not normal."""
        busy = (
            DatasetStatus.CREATING,
            DatasetStatus.IMPORTING,
            DatasetStatus.SYNCHRONIZING,
            DatasetStatus.PUBLISHING,
            DatasetStatus.SWITCHING,
        )
        details = self._wait(lambda: self._call("GET", f"/{dataset_id}"), lambda answer: answer["status"] not in busy)
        if details["status"] != DatasetStatus.NORMAL:
            raise CommandFailed(f"its status is {details['status']}")
        return details

    def _wait(self, ask: Callable[[], Any], done: Callable[[Any], bool]) -> dict[str, Any]:
        pause, deadline = threading.Event(), time.monotonic() + DEADLINE_S
        while not done(answer := ask()):
            if time.monotonic() > deadline:
                raise CommandFailed(f"not finished after {DEADLINE_S:.0f} s")
            pause.wait(_POLL_S)
        return dict(answer)

    def _result(self, dataset_id: str, plan: DatasetPlan, *, is_new: bool) -> SeededDataset:
        details = self._call("GET", f"/{dataset_id}")
        return SeededDataset(
            plan.name,
            dataset_id,
            self._project,
            is_new,
            details.get("total_sample_count", 0),
            details.get("annotated_sample_count", 0),
            details.get("dataset_version_count", 0),
        )
