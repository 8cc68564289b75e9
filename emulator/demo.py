"""The demo: hand-written digits to classify, and scenes with boxes, seeded through the API as any client would."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson

from emulator.config import UsageError
from emulator.formats import voc
from emulator.obs.scan import is_ignored

BUCKET = "demo"
PROJECT = "demo"
LABELLED = 20
DEADLINE_S = 120
FIXTURES = Path(__file__).parent.parent / "fixtures"


def seed(base_url: str, bucket: Path) -> list[str]:
    """Copy the pictures into the bucket's folder, make both datasets, label and publish; once, however often called.

    Returns three commands to try. Raises UsageError where the pictures are not there.
    """
    if not all((FIXTURES / folder).is_dir() for folder in ("digits", "scenes")):
        raise UsageError(f"--demo needs the pictures of the repository's fixtures folder, which is not at {FIXTURES}")
    api = _Api(f"{base_url}/v2/{PROJECT}/datasets")
    known = {dataset["dataset_name"]: dataset["dataset_id"] for dataset in api.call("GET", "?limit=100")["datasets"]}
    for folder in ("digits", "scenes"):
        if folder not in known:
            _copy(FIXTURES / folder, bucket / folder)
    digits = known.get("digits") or _seed_digits(api)
    scenes = known.get("scenes") or _seed_scenes(api)
    condition = quote('{"sample_name":"digit-0001"}')
    return [
        f"curl -s '{api.base}?with_labels=true'",
        f"curl -s '{api.base}/{digits}/data-annotations/samples?limit=2&search_conditions={condition}'",
        f"curl -s '{api.base}/{scenes}/data-annotations/samples?sample_state=ALL&limit=1'",
    ]


def _copy(source: Path, target: Path) -> None:
    ignore = lambda folder, names: [name for name in names if is_ignored(name)]  # noqa: E731
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignore)


def _seed_digits(api: _Api) -> str:
    dataset_id = api.create("digits", 0)
    page = api.call("GET", f"/{dataset_id}/data-annotations/samples?limit={LABELLED}&order=asc")
    labels = [
        {"sample_id": sample["sample_id"], "labels": [{"name": sample["sample_dir"].rstrip("/").rpartition("/")[2]}]}
        for sample in page["samples"]
    ]
    api.call("PUT", f"/{dataset_id}/data-annotations/samples", {"samples": labels})
    version = api.call("POST", f"/{dataset_id}/versions", {"description": "the first digits"})["version_id"]
    api.wait(f"/{dataset_id}/versions/{version}", lambda answer: answer["status"] != 0)
    return dataset_id


def _seed_scenes(api: _Api) -> str:
    dataset_id = api.create("scenes", 1)
    page = api.call("GET", f"/{dataset_id}/data-annotations/samples?limit=100")
    labels = []
    for sample in page["samples"]:
        picture = voc.read((FIXTURES / "scenes" / sample["sample_name"]).with_suffix(".xml").read_bytes())
        boxes = [{"name": label.name, "property": label.property} for label in picture.labels]
        labels.append({"sample_id": sample["sample_id"], "labels": boxes})
    api.call("PUT", f"/{dataset_id}/data-annotations/samples", {"samples": labels})
    return dataset_id


class _Api:
    """The few calls that the demo makes."""

    def __init__(self, base: str) -> None:
        self.base = base

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else orjson.dumps(body)
        request = Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=60) as answer:
            return orjson.loads(answer.read())

    def create(self, name: str, dataset_type: int) -> str:
        """A dataset over the bucket's folder of this name, at rest."""
        body = {
            "dataset_name": name,
            "dataset_type": dataset_type,
            "data_sources": [{"data_type": 0, "data_path": f"/{BUCKET}/{name}/"}],
            "work_path": f"/{BUCKET}/output/",
            "work_path_type": 0,
            "import_annotations": False,  # the demo labels by itself
        }
        dataset_id: str = self.call("POST", "", body)["dataset_id"]
        self.wait(f"/{dataset_id}", lambda answer: answer["status"] == 1)
        return dataset_id

    def wait(self, path: str, done: Any) -> None:
        """Ask until it is done. Raises TimeoutError."""
        pause, deadline = threading.Event(), time.monotonic() + DEADLINE_S
        while not done(self.call("GET", path)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is not done after {DEADLINE_S} s")
            pause.wait(0.02)
