"""A prepared project for the tests of effects: datasets of several types that can be distinguished."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

Body = dict[str, Any]
Do = Callable[["ContractProject", Body], str]
"""Does something with a body's members, and says all that can be seen of it afterwards."""


class Case(NamedTuple):
    """A member of a request: the visible outcome differs with and without it."""

    do: Do
    without: Body
    with_it: Body


BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}
NAME = "made"
XML = """<annotation><filename>a</filename><object><name>{name}</name>{more}<bndbox><xmin>1</xmin><ymin>2</ymin>
<xmax>10</xmax><ymax>12</ymax></bndbox></object></annotation>"""
# Parts that differ from run to run: ids, signatures, times.
_VOLATILE = (
    (re.compile(r"\?AccessKeyId=[^\"\\ ]*"), "?<signed>"),
    (re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{19}(_[A-Za-z0-9]{19})?(?![A-Za-z0-9])"), "<id>"),
    (re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{32}(?![A-Za-z0-9])"), "<sample>"),
    (re.compile(r"\b1[0-9]{12}\b"), "<ms>"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r'"(elapsed|duration)_time": \d+'), r'"\1_time": 0'),
)
# Members that only echo the request, which is not an effect.
_ECHOES = {
    "versions": (
        "clear_hard_property",
        "export_images",
        "include_dataset_data",
        "remove_sample_usage",
        "train_evaluate_sample_ratio",
        "with_column_header",
    ),
    "imports": ("data_source",),
    "exports": ("export_params", "export_format", "export_type", "path", "version_format", "version_id"),
}


class ContractProject:
    """Buckets with files, and the datasets over them."""

    def __init__(self, api: Api, bucket: Path) -> None:
        self.api, self.bucket = api, bucket
        self.warned = ""
        """The warnings of the last call."""
        self._made: list[str] = []
        self._team: dict[str, str] = {}
        self._outcomes: dict[tuple[Do, str], str] = {}
        for number in range(4):
            self.write(f"in/{number}.png", picture(colour=(number, 0, 0)))
        self.write("in/deep/4.png", picture(colour=(4, 0, 0)))
        self.write("new/cat/10.png", picture(colour=(10, 0, 0)))
        self.write("new/dog/11.png", picture(colour=(11, 0, 0)))
        self.write("boxes/1.png", picture())
        self.write("boxes/1.xml", XML.format(name="box", more="<difficult>1</difficult>"))
        self.write("boxes/2.png", picture(colour=(2, 0, 0)))
        self.write("boxes/2.xml", XML.format(name="box", more=""))
        self.write("boxes/instances.json", coco("1.png", "from coco"))
        self.write("text/a.txt", "one\ttwo,three\nfour;five/six\n")
        self.write("table/a.csv", "a,b\n1,2\n3,4\n")
        self.write("sound/a.wav", b"sound")
        self.write("video/clip.mp4", b"video")

    def write(self, path: str, data: bytes | str) -> None:
        """Write a file of the bucket."""
        file = self.bucket / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> str:
        """Call something below ``/datasets``; the answer, which may be a refusal."""
        url = self.api.base + path
        answer = self.api.session.request(method, url, json=body, params=query, timeout=10)
        self.warned = answer.headers.get("X-Emulator-Warnings", "")
        return answer.text

    def dataset(self, kind: int = 0, folder: str = "in", **members: Any) -> str:
        """Create a dataset, and return its id once it is idle."""
        name = members.pop("dataset_name", NAME)
        sources = members.pop("data_sources", [{"data_path": f"/bucket/{folder}/"}])
        return self.made(self.api.dataset(dataset_name=name, dataset_type=kind, data_sources=sources, **members))

    def team(self) -> dict[str, str]:
        """Return the id of a team of three labelers and a manager, and those of its members by address."""
        url = self.api.base.rpartition("/")[0] + "/workforces"
        if not self._team:
            session = self.api.session
            team_id = session.post(url, json={"workforce_name": "team"}, timeout=10).json()["workforce_id"]
            for emails, role in (("a@example.com,b@example.com,c@example.com", 0), ("m@example.com", 2)):
                session.post(f"{url}/{team_id}/workers", json={"emails": emails, "role": role}, timeout=10)
            workers = session.get(f"{url}/{team_id}/workers", timeout=10).json()["workers"]
            self._team = {"team": team_id} | {worker["email"]: worker["worker_id"] for worker in workers}
        return self._team

    def made(self, dataset_id: str) -> str:
        """Remember a dataset, so that it goes when the run is over."""
        self._made.append(dataset_id)
        return dataset_id

    def ids(self, dataset_id: str) -> list[str]:
        """Its samples' ids, by the names of their files and their texts."""
        samples = self.api.samples(dataset_id)["samples"]
        return [sample["sample_id"] for sample in sorted(samples, key=_place)]

    def rest(self, dataset_id: str) -> None:
        """Wait until no task of the dataset is running."""
        path = f"/{dataset_id}?check_running_task=true"
        poll(lambda: not (d := self.api.call("GET", path))["exist_running_task"] and d["status"] == 1, "rest")

    def outcome(self, do: Do, body: Body) -> str:
        """Return the visible outcome; every run starts from the same files."""
        return steady(self._run(do, body))

    def steady_outcome(self, do: Do, body: Body) -> str:
        """Return the outcome after checking that two runs have the same one."""
        key = (do, repr(body))
        if key not in self._outcomes:
            is_first = all(do is not known for known, _ in self._outcomes)
            self._outcomes[key] = self.outcome(do, body)
            assert not is_first or self.outcome(do, body) == self._outcomes[key]
        return self._outcomes[key]

    def _run(self, do: Do, body: Body) -> str:
        try:
            return do(self, body)
        finally:
            for dataset_id in self._made:
                self.api.session.delete(f"{self.api.base}/{dataset_id}", timeout=10)
            self._made.clear()
            for folder in ("out", "own", "target"):
                for each in (self.bucket / folder).iterdir():
                    shutil.rmtree(each) if each.is_dir() else each.unlink()

    def seen(self, dataset_id: str) -> str:
        """All that can be asked of a dataset."""
        self.rest(dataset_id)
        call, base = self.api.call, f"/{dataset_id}"
        details = call("GET", base)
        versions = details.pop("versions", [])
        for source in details["data_sources"]:
            source.pop("source_info", None)
        answers = {
            "details": details,
            "samples": call("GET", f"{base}/data-annotations/samples?limit=100"),
            "stats": call("GET", f"{base}/data-annotations/stats"),
            "versions": [call("GET", f"{base}/versions/{version['version_id']}") for version in versions],
            "imports": call("GET", f"{base}/import-tasks")["import_tasks"],
            "exports": call("GET", f"{base}/export-tasks")["export_tasks"],
        }
        for name, echoes in _ECHOES.items():
            answers[name] = [{key: each[key] for key in each.keys() - set(echoes)} for each in answers[name]]
        answers["samples"]["samples"].sort(key=_place)
        return json.dumps(answers, sort_keys=True, ensure_ascii=False)

    def files(self, folder: str) -> str:
        """Return the files below a folder of the bucket, with the content of readable ones."""
        rows = []
        for path in (self.bucket / folder).rglob("*"):
            if path.is_file():
                text = path.read_text("utf-8") if path.suffix in (".manifest", ".txt", ".xml", ".json", ".csv") else ""
                name = steady(str(path.relative_to(self.bucket / folder)))
                rows.append((name, sorted(text.splitlines()) if path.suffix == ".manifest" else text))
        return json.dumps(sorted(rows, key=str), ensure_ascii=False)


@contextmanager
def running(root: Path, kind: type[ContractProject] = ContractProject) -> Iterator[tuple[ContractProject, Emulator]]:
    """A project, and the emulator that it is in."""
    for name in ("in", "out", "own", "target", "elsewhere"):
        (root / "bucket" / name).mkdir(parents=True)
    settings = Settings(port=0, data_dir=root / "data", buckets={"bucket": root / "bucket"}, durability="process")
    with Emulator(settings) as emu:
        api = Api(emu.url)
        api.session.trust_env = False  # looking for proxies takes longer than a call
        try:
            yield kind(api, root / "bucket"), emu
        finally:
            api.session.close()


def steady(text: str) -> str:
    """Return a text without the parts that differ from run to run."""
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text


def _place(sample: Any) -> tuple[str, str]:
    source = sample["source"]
    return sample["sample_name"], source if source.startswith("content://") else str(sample.get("sample_data"))


def coco(name: str, label: str) -> str:
    """A COCO document about one picture."""
    return json.dumps(
        {
            "images": [{"id": 1, "file_name": name, "width": 32, "height": 24}],
            "categories": [{"id": 1, "name": label}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 9, 10]}],
        }
    )
