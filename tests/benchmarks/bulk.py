"""Whole datasets: publishing, importing, loading, starting, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.versions import CreateDatasetVersionRequest
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.formats import directory_layouts, manifest
from modelarts_emulator.ingest.import_files import FileImport
from modelarts_emulator.ingest.import_plan import ImportPlan, ImportProgress
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.server import Emulator
from modelarts_emulator.service.versions import VersionManagement
from modelarts_emulator.store import Durability, SampleRecord, Selection, Store
from modelarts_emulator.util.clock import SystemClock
from tests.benchmarks import worlds
from tests.benchmarks.measure import Row, bound, milliseconds, times

IMPORTS = "import flask, tinydb, watchdog.observers, PIL.Image"


def measured(root: Path, size: int, rounds: int) -> Iterator[Row]:
    """All rows at one size."""
    worlds.fill(root / "data", size, DatasetType.IMAGE_CLASSIFICATION)
    (root / "bucket/in").mkdir(parents=True)
    (root / "bucket/out").mkdir(parents=True)
    yield times("cold start to ready, empty", IMPORTS, 0, lambda: cold_start(root / "empty"), imports, 1.6, rounds)
    yield times("cold start to ready", IMPORTS, size, lambda: cold_start(root), imports, 1.6, rounds)
    yield times(
        "first page after a cold start",
        "msgspec reads the same file",
        size,
        lambda: first_page(root / "data"),
        lambda: decode(root / "data"),
        1.6,
        rounds,
    )
    runtime = Runtime(
        Settings(data_dir=root / "data", buckets={"bucket": root / "bucket"}, durability="process", sync="manual")
    )
    yield times(
        "publish",
        "msgspec writes the same lines",
        size,
        lambda: publish(runtime),
        lambda: lines(runtime, root),
        2.0,
        rounds,
    )
    source = root / "bucket/source.manifest"
    with runtime.store.reading(worlds.ID) as dataset, source.open("wb") as file:
        manifest.write(dataset.select(Selection()), file)
    yield times(
        "import a manifest, files in place",
        "parse, build, journal, one fsync",
        size,
        lambda: import_(runtime, source),
        lambda: parse(source, root / "journal"),
        2.5,
        rounds,
    )
    runtime.stop()
    yield bound("memory a sample", size, "bytes", memory(root / "data", size), 800)
    yield bound("embedded server, to its first answer", 0, "ms", min(embedded() for _ in range(5)), 20)


def imports() -> float:
    """A process that imports what the emulator is made of."""
    return milliseconds(lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True, env=worlds.environment()))


def cold_start(root: Path) -> float:
    """A process, until it says that it is ready."""
    with ExitStack() as stack:
        return milliseconds(lambda: _ready(stack.enter_context(worlds.emulator(root))))


def _ready(url: str) -> None:
    with urllib.request.urlopen(f"{url}/_emulator/ready", timeout=600) as answer:
        answer.read()


def first_page(data_dir: Path) -> float:
    """Open a store and read ten samples."""

    def read() -> None:
        store = Store(data_dir, clock=SystemClock(), durability=Durability.PROCESS)
        with store.reading(worlds.ID) as dataset:
            dataset.page(Selection(), offset=0, limit=10)
        store.close()

    return milliseconds(read)


class _Tables(msgspec.Struct):
    samples: dict[str, SampleRecord]


def decode(data_dir: Path) -> float:
    """Decode the samples of the same file."""
    (file,) = (data_dir / "datasets").glob("*/dataset.json")
    return milliseconds(lambda: msgspec.json.decode(file.read_bytes(), type=_Tables))


def publish(runtime: Runtime) -> float:
    """Publish a version, until it is done."""
    versions = VersionManagement(runtime)

    def run() -> None:
        versions.publish(worlds.PROJECT, worlds.ID, CreateDatasetVersionRequest())
        runtime.tasks.wait_idle(600)

    return milliseconds(run)


def lines(runtime: Runtime, root: Path) -> float:
    """Write what a manifest says, and nothing else."""
    with runtime.store.reading(worlds.ID) as dataset:
        samples = list(dataset.select(Selection()))

    def write() -> None:
        with (root / "lines").open("wb") as file:
            for sample in samples:
                file.write(msgspec.json.encode(manifest.as_line(sample, "obs")) + b"\n")

    return milliseconds(write)


def import_(runtime: Runtime, source: Path) -> float:
    """Import the manifest over samples that are there."""
    record = runtime.store.entry(worlds.ID).record
    path = ObsPath.parse(f"/bucket/{source.name}")
    order = ImportPlan(
        source=path,
        is_manifest=True,
        user="human/a/b",
        options=directory_layouts.DirectoryOptions(),
        origin=int(time.time()) % 5,
    )
    progress = ImportProgress()
    return milliseconds(lambda: FileImport(runtime, record, order, None, progress, lambda: None).run())


def parse(source: Path, journal: Path) -> float:
    """The least that an import must do."""

    def run() -> None:
        with source.open("rb") as file, journal.open("wb") as out:
            for sample in manifest.read(file, DatasetType.IMAGE_CLASSIFICATION, lambda uri: source.open("rb")):
                out.write(msgspec.json.encode(sample))
            out.flush()
            os.fsync(out.fileno())

    return milliseconds(run)


def memory(data_dir: Path, size: int) -> float:
    """What a loaded sample adds to a process, in bytes of RSS."""
    script = f"""
import gc, resource
from pathlib import Path
from modelarts_emulator.util.clock import SystemClock
from modelarts_emulator.service.versions import VersionManagement
from modelarts_emulator.store import Durability, Store
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
store = Store(Path({str(data_dir)!r}), clock=SystemClock(), durability=Durability.PROCESS)
before = rss()
with store.reading({worlds.ID!r}) as dataset:
    len(dataset)
gc.collect()
print((rss() - before) / {size})
store.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=worlds.ROOT)
    return float(done.stdout)


def embedded() -> float:
    """Start an emulator in this process and get an answer."""

    def run() -> None:
        with Emulator() as emu, urllib.request.urlopen(f"{emu.url}/_emulator/health", timeout=10) as answer:
            answer.read()
            took.append(time.perf_counter())

    took: list[float] = []
    start = time.perf_counter()
    run()
    return (took[0] - start) * 1000
