"""What is measured: data directories with realistic samples, folders of real JPEGs, and servers in processes."""

from __future__ import annotations

import io
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, LabelType, SampleStatus, SampleType
from modelarts_emulator.store import DatasetRecord, Durability, SampleRecord, Store
from modelarts_emulator.util.clock import SystemClock
from modelarts_emulator.util.ids import sample_id
from tests.benchmarks.load import receive, unpacked

ROOT = Path(__file__).parents[2]
ID = "benchmarkdatasetid1"
PROJECT = "project"
NAMES = ("cat", "dog", "cow", "horse", "bird")
DAY_MS = 24 * 60 * 60 * 1000


def dataset(kind: DatasetType = DatasetType.OBJECT_DETECTION) -> DatasetRecord:
    """The dataset of a benchmark, over ``/bucket/in/``."""
    now = SystemClock().now_ms()
    return DatasetRecord(
        id=ID,
        project_id=PROJECT,
        name="benchmark",
        type=kind,
        status=DatasetStatus.NORMAL,
        create_time=now,
        update_time=now,
        data_update_time=now,
        counted_day=now // DAY_MS,
        data_sources=[DataSource(data_path="/bucket/in/", data_type=0)],
        work_path="/bucket/out/",
        inner_work_path=f"/bucket/out/benchmark-{ID}/",
    )


def classified(number: int) -> SampleRecord:
    """A sample of an image classification dataset: labelled, with a score."""
    plain = sample(number)
    label = SampleLabel(name=NAMES[number % 5], type=LabelType.IMAGE_CLASSIFICATION, score=0.5)
    plain.labels, plain.status = [label], SampleStatus.MANUAL_ANNOTATION
    plain.annotated_by, plain.annotated_time = "human/domain/user", 1_700_000_000_000
    return plain


def sample(number: int) -> SampleRecord:
    """A sample as people have them: two thirds labelled, with boxes, scores and hard-example members."""
    chance = random.Random(number)
    path = f"bucket/in/part-{number % 20:02}/picture-{number:07}.jpg"
    boxes = chance.randrange(3)
    labels = [
        SampleLabel(
            name=chance.choice(NAMES),
            type=LabelType.OBJECT_DETECTION,
            score=round(chance.random(), 2),
            property={
                "@modelarts:shape": "bndbox",
                "@modelarts:feature": [[chance.randrange(100), chance.randrange(100)], [200, 180]],
            },
        )
        for _ in range(boxes)
    ]
    return SampleRecord(
        id=sample_id(ID, path),
        path=path,
        type=SampleType.IMAGE,
        time=1_700_000_000_000 + number,
        size=20_000 + number % 1000,
        signature=(20_000 + number % 1000, 1_700_000_000_000_000_000 + number),
        shape=(640, 480, 3),
        labels=labels,
        status=SampleStatus.MANUAL_ANNOTATION if labels else SampleStatus.UN_ANNOTATION,
        annotated_by="human/domain/user" if labels else None,
        annotated_time=1_700_000_000_000 if labels else None,
        metadata={"@modelarts:hard": 1, "@modelarts:hard_coefficient": 0.5} if number % 10 == 0 else {},
    )


def fill(data_dir: Path, size: int, kind: DatasetType = DatasetType.OBJECT_DETECTION) -> list[str]:
    """A data directory with one dataset of ``size`` samples; returns the ids of the first thousand."""
    store = Store(data_dir, clock=SystemClock(), durability=Durability.PROCESS)
    store.create(dataset(kind))
    made = sample if kind is DatasetType.OBJECT_DETECTION else classified
    with store.writing(ID) as writer:
        for name in NAMES:
            writer.put_label(Label(name=name, type=LabelType(int(kind)), property={}))
    for start in range(0, size, 10_000):
        with store.writing(ID) as writer:
            writer.put_samples(made(number) for number in range(start, min(start + 10_000, size)))
    store.close()
    return [sample(number).id for number in range(min(size, 1000))]


def pictures(folder: Path, count: int) -> None:
    """Real JPEGs of some 3 KB, a thousand to a folder."""
    out = io.BytesIO()
    Image.effect_noise((96, 72), 40).convert("RGB").save(out, "JPEG", quality=80)
    data = out.getvalue()
    for number in range(count):
        place = folder / f"part-{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"picture-{number:07}.jpg").write_bytes(data + number.to_bytes(4, "big"))


def environment() -> dict[str, str]:
    """That of processes which are measured: as installed packages are compiled, so is the emulator, once."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**known, "PYTHONPATH": str(ROOT / "emulator")}


@contextmanager
def process(*command: str) -> Iterator[str]:
    """A process that prints its URL when it listens; it is ended afterwards."""
    running = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    try:
        line = running.stdout.readline()
        while line and "http://" not in line:
            line = running.stdout.readline()
        yield line[line.index("http://") :].strip()
    finally:
        running.terminate()
        running.wait(60)
        running.stdout.close()


@contextmanager
def emulator(root: Path, *flags: str) -> Iterator[str]:
    """The emulator as a process over ``root/data`` and ``root/bucket``; nothing is applied by itself."""
    (root / "bucket/in").mkdir(parents=True, exist_ok=True)
    (root / "bucket/out").mkdir(parents=True, exist_ok=True)
    arguments = ["-m", "modelarts_emulator", "--port", "0", "--data-dir", str(root / "data"), "--log-level", "error"]
    with process(*arguments, "--bucket", f"bucket={root / 'bucket'}", "--sync", "manual", *flags) as url:
        yield url


def load(url: str, requests: Path, clients: int, seconds: float) -> float:
    """How many of the requests a second a process with so many connections gets answered."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load", url, str(requests), str(clients), str(seconds)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return float(done.stdout)


def wait(condition: Any, deadline_s: float = 600) -> Any:
    """Ask until the answer is true; every millisecond, since what is waited for is measured."""
    end = time.perf_counter() + deadline_s
    while not (answer := condition()):
        if time.perf_counter() > end:
            raise TimeoutError
        time.sleep(0.001)
    return answer


def jpeg(size: int) -> bytes:
    """A real JPEG of about so many bytes."""
    out = io.BytesIO()
    Image.effect_noise((160, 120), 60).convert("RGB").save(out, "JPEG", quality=90)
    data = out.getvalue()
    return data + b"\0" * max(0, size - len(data))


def send(url: str, requests: Path) -> float:
    """Send each request once over one connection; returns requests a second."""
    host = urlsplit(url)
    with socket.create_connection((str(host.hostname), host.port or 80)) as connection:
        start = time.perf_counter()
        sent = unpacked(requests.read_bytes())
        for request in sent:
            connection.sendall(request)
            if b'"success":false' in receive(connection):
                raise RuntimeError("an upload was refused")
        return len(sent) / (time.perf_counter() - start)
