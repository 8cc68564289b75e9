"""Folders: the first synchronization, the next one, and how soon a file is in the API's answer."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from watchdog.events import FileClosedEvent, FileSystemEventHandler
from watchdog.observers import Observer

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.server import Emulator
from tests.benchmarks import worlds
from tests.benchmarks.measure import Row, bound, milliseconds, rates, times


def measured(root: Path, size: int, rounds: int, files: int, burst: int) -> Iterator[Row]:
    """All rows; ``files`` is how many are written one by one, ``burst`` how many at once."""
    bucket = root / "bucket"
    (bucket / "out").mkdir(parents=True)
    worlds.pictures(bucket / "in", size)
    yield rates(
        f"first sync of {size:,} JPEGs",
        "scandir, stat, Pillow header",
        size,
        lambda: size / (first_sync(root) / 1000),
        lambda: size / (milliseconds(lambda: bare_headers(bucket / "in")) / 1000),
        0.80,
        rounds,
    )
    runtime = runtime_over(root)
    runtime.store.create(worlds.dataset())
    runtime.synchronizer.synchronize(worlds.ID)
    yield times(
        f"re-sync, {min(100, size // 10)} changed",
        "scandir and stat",
        size,
        lambda: resync(runtime, bucket / "in", min(100, size // 10)),
        lambda: milliseconds(lambda: bare_stats(bucket / "in")),
        1.5,
        rounds,
    )
    runtime.stop()
    yield from appearing(root, files)
    yield missed_in_burst(root / "burst", burst)


def runtime_over(root: Path) -> Runtime:
    """What a synchronization needs, without a web server."""
    settings = Settings(data_dir=None, buckets={"bucket": root / "bucket"}, durability="process", sync="manual")
    return Runtime(settings)


def first_sync(root: Path) -> float:
    """Read everything into an empty dataset, in ms."""
    runtime = runtime_over(root)
    runtime.store.create(worlds.dataset())
    took = milliseconds(lambda: runtime.synchronizer.synchronize(worlds.ID))
    runtime.stop()
    return took


def resync(runtime: Runtime, folder: Path, changed: int) -> float:
    """Change some files, then look at everything again, in ms."""
    now = time.time_ns()
    for number in range(changed):
        os.utime(folder / f"part-{number // 1000:03}/picture-{number:07}.jpg", ns=(now, now))
    return milliseconds(lambda: runtime.synchronizer.synchronize(worlds.ID))


def walk(folder: str) -> Iterator[os.DirEntry[str]]:
    """Every file."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from walk(entry.path)
            else:
                yield entry


def bare_stats(folder: Path) -> int:
    """List and stat."""
    return sum(entry.stat().st_size for entry in walk(str(folder)))


def bare_headers(folder: Path) -> int:
    """List, stat, and read each picture's size."""
    total = 0
    for entry in walk(str(folder)):
        total += entry.stat().st_size
        with Image.open(entry.path) as image:
            total += image.width
    return total


def appearing(root: Path, files: int) -> Iterator[Row]:
    """From the closing of a file to the API's answer, beside the bare observer's callback."""
    folder = root / "bucket/in/part-000"
    own = list(_in_the_answer(root, folder, files))
    bare = _called_back(folder, files)
    p99 = sorted(own)[max(0, int(len(own) * 0.99) - 1)]
    yield bound("file closed → in the answer, median", files, "ms", statistics.median(own), 60)
    yield bound("file closed → in the answer, p99", files, "ms", p99, 250)
    yield bound("  (the bare observer's callback, median)", files, "ms", statistics.median(bare), 60)


def _in_the_answer(root: Path, folder: Path, files: int) -> Iterator[float]:
    settings = Settings(port=0, data_dir=None, buckets={"bucket": root / "bucket"}, durability="process")
    with Emulator(settings) as emu:
        emu.runtime.store.create(worlds.dataset())
        emu.runtime.watch(worlds.dataset())
        emu.runtime.wait_idle(600)
        for number in range(files):
            target = folder / f"new-{number}.jpg"
            target.write_bytes(worlds.jpeg(3000))
            start = time.perf_counter()
            worlds.wait(lambda name=target.name: _listed(emu, name))
            yield (time.perf_counter() - start) * 1000
            target.unlink()
            emu.runtime.wait_idle(60)


def missed_in_burst(root: Path, files: int) -> Row:
    """Write many files as fast as can be into a watched folder: how many are in the answer in the end."""
    (root / "bucket/in").mkdir(parents=True)
    data = worlds.jpeg(3000)
    settings = Settings(port=0, data_dir=None, buckets={"bucket": root / "bucket"}, durability="process")
    with Emulator(settings) as emu:
        emu.runtime.store.create(worlds.dataset())
        emu.runtime.watch(worlds.dataset())
        emu.runtime.wait_idle(600)
        for number in range(files):
            (root / f"bucket/in/{number}.jpg").write_bytes(data)
        # Not asked to look again: what an event did not tell is missed.
        worlds.wait(lambda: emu.runtime.watcher.pending == 0)
        found = emu.runtime.store.entry(worlds.ID).counts.total
    return Row(
        what="in the answer after a burst",
        beside="files written",
        size=files,
        unit="files",
        ours=found,
        limit=files,
        ratio=found / files,
        target=1.0,
        at_least=True,
    )


def _listed(emu: Emulator, name: str) -> bool:
    with emu.runtime.store.reading(worlds.ID) as dataset:
        return dataset.get(worlds.sample_id(worlds.ID, f"bucket/in/part-000/{name}")) is not None


def _called_back(folder: Path, files: int) -> list[float]:
    called = threading.Event()

    class Handler(FileSystemEventHandler):
        def on_closed(self, event: Any) -> None:
            called.set()

    observer = Observer()
    observer.schedule(Handler(), str(folder), event_filter=[FileClosedEvent])
    observer.start()
    took = []
    for number in range(files):
        target = folder / f"bare-{number}.jpg"
        target.write_bytes(worlds.jpeg(3000))
        start = time.perf_counter()
        called.wait(10)
        took.append((time.perf_counter() - start) * 1000)
        called.clear()
        target.unlink()
    observer.stop()
    observer.join()
    return took
