"""Measure the console: ``python -m tests.browser.measure``, on a machine that does nothing else.

It prints how long a first view takes, how many frames a second a grid of 100,000 samples shows while it is scrolled,
how much of a frame the page's main thread takes (both as the browser's own tracing has it), and the memory after that.
"""

from __future__ import annotations

import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.benchmarks import worlds
from tests.helpers.api import Api

SAMPLES = 100_000
DATASETS = 1_000
SCROLL = {"x": 640, "y": 450, "yDistance": -30_000, "speed": 6_000, "gestureSourceType": "mouse"}
CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline.frame", "toplevel"]


@contextmanager
def emulator() -> Iterator[tuple[Emulator, Path]]:
    """Run an emulator with a dataset of 100,000 samples, whose pictures are all the same."""
    with tempfile.TemporaryDirectory() as folder:
        bucket = Path(folder) / "bucket"
        (bucket / "in").mkdir(parents=True)
        settings = Settings(port=0, data_dir=Path(folder) / "data", buckets={"bucket": bucket}, durability="process")
        with Emulator(settings) as emu:
            emu.runtime.store.create(worlds.dataset())
            for start in range(0, SAMPLES, 20_000):
                with emu.runtime.store.writing(worlds.ID) as writer:
                    writer.put_samples(worlds.sample(number) for number in range(start, start + 20_000))
            yield emu, bucket


def thumbnail() -> bytes:
    """Return a picture as heavy as a thumbnail of a photograph."""
    out = io.BytesIO()
    Image.effect_noise((266, 200), 80).convert("RGB").save(out, "JPEG", quality=80)
    return out.getvalue()


def frames(trace: bytes) -> tuple[int, int, list[float]]:
    """Return from a trace how many frames were shown and dropped, and the ms of the page's tasks in each 16.7 ms."""
    events = json.loads(trace)["traceEvents"]
    shown = sum(event["name"] == "DrawFrame" for event in events)
    dropped = sum(event["name"] == "DroppedFrame" for event in events)
    mains = {
        (e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    slots: dict[tuple[int, int], dict[int, float]] = {each: {} for each in mains}
    for event in events:
        if event["name"] in ("RunTask", "ThreadControllerImpl::RunTask") and (event["pid"], event["tid"]) in slots:
            busy, slot = slots[event["pid"], event["tid"]], int(event["ts"] / 16_667)
            busy[slot] = busy.get(slot, 0.0) + event.get("tdur", event.get("dur", 0)) / 1000
    page = max(slots.values(), key=lambda busy: sum(busy.values()))  # another tab may be there, which rests
    return shown, dropped, sorted(page.values())


def first_view(browser: Any, url: str, project: str, place: str, selector: str) -> float:
    """Return the ms from the navigation of an empty browser to what the page is for."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(f"sessionStorage.setItem('project', '{project}')")
    page = context.new_page()
    started = time.perf_counter()
    page.goto(f"{url}/_emulator/ui{place}", wait_until="commit")
    page.wait_for_selector(selector)
    taken = (time.perf_counter() - started) * 1000
    context.close()
    return taken


def main() -> None:
    """Measure, and print each figure on a line."""
    chromium = shutil.which("chromium")
    with emulator() as (emu, _), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        api = Api(emu.url, "many")
        for number in range(DATASETS):
            api.create(dataset_name=f"d{number}", work_path=f"/bucket/out/{number}/")
        grid = f"#/datasets/{worlds.ID}"
        for what, project, place, selector in (
            (f"first view of {DATASETS:,} datasets", "many", "", ".card"),
            (f"first view of {SAMPLES:,} samples", worlds.PROJECT, grid, ".cell .name"),
        ):
            taken = statistics.median(first_view(browser, emu.url, project, place, selector) for _ in range(5))
            print(f"{what}: {taken:.0f} ms")
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(f"sessionStorage.setItem('project', '{worlds.PROJECT}')")
        page = context.new_page()
        data = thumbnail()
        page.route("**/*.jpg*", lambda route: route.fulfill(body=data, content_type="image/jpeg"))
        page.goto(f"{emu.url}/_emulator/ui{grid}")
        page.wait_for_selector(".cell .name")
        session = context.new_cdp_session(page)
        browser.start_tracing(page=page, categories=CATEGORIES)
        began = time.perf_counter()
        session.send("Input.synthesizeScrollGesture", SCROLL)
        seconds = time.perf_counter() - began
        shown, dropped, busy = frames(browser.stop_tracing())
        p95, p99 = busy[int(len(busy) * 0.95)], busy[int(len(busy) * 0.99)]
        print(f"scrolled {SCROLL['yDistance']} pixels in {seconds:.1f} s")
        print(f"frames: {shown / seconds:.0f} a second shown, {dropped} dropped")
        print(f"main thread, ms of each 16.7: median {statistics.median(busy):.1f}, p95 {p95:.1f}, p99 {p99:.1f}")
        session.send("Performance.enable")
        session.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        print(f"heap {metrics['JSHeapUsedSize'] / 1e6:.1f} MB, {metrics['Nodes']:,.0f} nodes")
        browser.close()


if __name__ == "__main__":
    main()
