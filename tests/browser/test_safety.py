"""Hostile names stay text; the policy lets in nothing from elsewhere; everybody can use it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from axe_playwright_python import sync_playwright as axe
from PIL import Image

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.iam.accounts import parse_user
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.browser import Page, dataset, until
from tests.helpers.pictures import picture

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "'-alert(4)-'",
    "javascript:alert(5)",
    "{{constructor.constructor('alert(6)')()}}",
    "</title><script>alert(7)</script>",
    "<iframe srcdoc='<script>alert(8)</script>'>",
    "<a href=javascript:alert(9)>x</a>",
    "`${alert(10)}`",
    "<style>*{display:none}</style>",
    "\u202etxt.exe <b onmouseover=alert(11)>",
]
PLACES = [
    "datasets",
    "samples",
    "sample",
    "labels",
    "statistics",
    "versions",
    "tasks",
    "requests",
    "control",
    "objects",
]
SCROLL = "(share) => { const g = document.querySelector('.grid'); g.scrollTop = g.scrollHeight * share / 100; }"
FILES = [name.replace("/", "∕") for name in HOSTILE]


def test_names_of_datasets_labels_and_files_are_only_text(console: Page, emu: Emulator, api: Api, bucket: Path) -> None:
    for number, name in enumerate(FILES):
        (bucket / f"in/{name}.png").write_bytes(picture(20 + number, 20))
    dataset_id = api.dataset(
        dataset_name="hostile", description="<script>alert(12)</script>".translate({60: "(", 62: ")", 61: "-"})
    )
    ids = api.ids(dataset_id)
    assert len(ids) == len(FILES)
    labels = [{"name": name} for name in HOSTILE]
    api.label(dataset_id, dict.fromkeys(ids.values(), labels))
    api.publish(dataset_id)
    requests.get(f"{emu.url}/v2/project/datasets?search_content={HOSTILE[0]}&{HOSTILE[1]}=1", timeout=10)
    page = console.open()
    page.get_by_label("Project").fill("project")
    page.get_by_label("Project").press("Enter")
    page.wait_for_selector(".card")
    for tab in ("samples", "labels", "statistics", "versions", "tasks"):
        page.goto(f"{emu.url}/_emulator/ui#/datasets/{dataset_id}/{tab}")
        until(page, "document.querySelector('.tab').childElementCount > 0")
        if tab == "samples":
            page.wait_for_selector(".cell .chip")
            page.locator(".cell .name").first.click()
            page.wait_for_selector("dialog .given li")
            assert page.locator("dialog .given li").count() == len(HOSTILE)
            assert HOSTILE[0] in page.locator("dialog .given").inner_text()
            page.keyboard.press("Escape")
        if tab == "versions":
            page.get_by_role("button", name="Manifest of").click()
            page.wait_for_selector("dialog pre")
            page.keyboard.press("Escape")
    page.goto(f"{emu.url}/_emulator/ui#/requests")
    page.wait_for_selector("tbody button")
    page.locator("tbody button").first.click()
    page.goto(f"{emu.url}/_emulator/ui#/{HOSTILE[1]}/{HOSTILE[2]}")
    page.wait_for_selector("#main h1")
    assert page.evaluate("document.querySelectorAll('script, iframe, style').length") == 1  # the page's own module


def test_page_policy_forbids_inline_scripts_and_other_hosts(emu: Emulator) -> None:
    for path in ("ui", "ui/app.js", "ui/core/dom.js", "ui/style.css"):
        answer = requests.get(f"{emu.url}/_emulator/{path}", timeout=10)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("ui/../../config.py", "ui/%2e%2e/api.py", "ui/nothing.js"):
        assert requests.get(f"{emu.url}/_emulator/{path}", timeout=10).status_code == 404


def test_root_redirects_browsers_only(emu: Emulator) -> None:
    page = requests.get(emu.url, headers={"Accept": "text/html,*/*"}, timeout=10, allow_redirects=False)
    assert (page.status_code, page.headers["Location"]) == (302, "_emulator/ui")
    assert requests.get(emu.url, timeout=10).status_code == 404
    storage = {"x-amz-date": "20260101T000000Z", "Accept": "text/html"}
    assert "ListAllMyBucketsResult" in requests.get(emu.url, headers=storage, timeout=10).text


def test_with_strict_access_it_asks_who_is_there(settings: Settings, at: Callable[..., Page]) -> None:
    strict = replace(settings, auth="strict", users=(parse_user("ann:secret:project"),), control_key="the-control-key")
    with Emulator(strict) as emu:
        opened = at(emu.url)
        page = opened.page
        page.goto(f"{emu.url}/_emulator/ui")
        page.get_by_label("Name").last.fill("ann")
        page.get_by_label("Password").fill("wrong")
        page.get_by_label("Control key").fill("the-control-key")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("dialog [role=alert]:not(:empty)")
        page.get_by_label("Password").fill("secret")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#live.on")
        page.wait_for_selector(".cards .empty, .card")
        assert all("401" in line or "403" in line for line in opened.said), opened.said
        opened.said.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "place",
    [
        *("datasets", "samples", "sample", "labels", "statistics", "versions", "tasks", "requests", "control"),
        *("objects", "new dataset", "keys", "people", "sounds"),
    ],
)
def test_everybody_can_use_it(demo: str, at: Callable[..., Page], scheme: str, place: str) -> None:
    """Axe finds nothing serious."""
    in_dataset = place not in ("datasets", "requests", "control", "objects", "new dataset")
    of_sample = place in ("sample", "keys", "people", "sounds")
    tab = "samples" if of_sample else place
    name = place if place in ("people", "sounds") else "scenes"
    identity = dataset(demo, name)["dataset_id"]  # and a request in the log
    page = at(demo, color_scheme=scheme).open(f"#/datasets/{identity}/{tab}" if in_dataset else f"#/{place}")
    until(page, "document.querySelector('.tab, .cards, tbody, .panels')?.childElementCount > 0")
    if tab == "samples":
        page.wait_for_selector(".cell .name")
    if of_sample:
        page.locator(".cell .name").first.click()
        page.wait_for_selector("dialog .given li")
    if place == "keys":
        page.keyboard.press("?")
        page.wait_for_selector(".sheet")
    if place == "new dataset":
        page.get_by_role("button", name="New dataset").click()
    found = axe.Axe().run(page)
    grave = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert not grave, json.dumps(grave, indent=1)[:3000]


def renderers(browser: Any) -> list[int]:
    """The processes that hold pages."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [each["id"] for each in processes if each["type"] == "renderer"]


def private_bytes(pid: int) -> int:
    """What a process holds for itself: all but what it shares with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def test_unreadable_picture_is_replaced_by_a_text(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/whole.png").write_bytes(picture(30, 20))
    (bucket / "in/broken.png").write_bytes(picture(40, 20))
    dataset_id = api.dataset()
    page = console.page
    page.route("**/broken.png*", lambda route: route.fulfill(body=b"no picture", content_type="image/png"))
    page.goto(f"{console.url}/_emulator/ui")
    page.get_by_label("Project").fill("project")
    page.get_by_label("Project").press("Enter")
    page.goto(f"{console.url}/_emulator/ui#/datasets/{dataset_id}")
    until(page, "[...document.querySelectorAll('.cell canvas')].some((each) => each.width > 1)")
    page.get_by_text("no preview").wait_for()
    assert page.locator(".cell").count() == 2


def test_hundred_thousand_samples_render_one_screen(emu: Emulator, console: Page, browser: Any) -> None:
    """Only what is in sight is held: the whole process needs less than two hundred megabytes all the way."""
    from tests.benchmarks import worlds

    record = worlds.dataset()
    emu.runtime.store.create(record)
    for start in range(0, 100_000, 20_000):
        with emu.runtime.store.writing(worlds.ID) as writer:
            writer.put_samples(worlds.sample(number) for number in range(start, start + 20_000))
    page = console.page
    # Their pictures are not there; that is no fault of the page. What it gets instead is as heavy as thumbnails get.
    noise = io.BytesIO()
    Image.effect_noise((266, 200), 80).convert("RGB").save(noise, "JPEG", quality=80)
    page.route("**/*.jpg*", lambda route: route.fulfill(body=noise.getvalue(), content_type="image/jpeg"))
    page.goto(f"{emu.url}/_emulator/ui")
    page.wait_for_selector("#main h1")
    page.get_by_label("Project").fill(worlds.PROJECT)
    page.get_by_label("Project").press("Enter")
    page.goto(f"{emu.url}/_emulator/ui#/datasets/{worlds.ID}")
    page.wait_for_selector(".cell .name")
    session = console.context.new_cdp_session(page)
    session.send("Performance.enable")
    for share in [*range(0, 101, 4), 50, 0]:
        page.evaluate(
            "(share) => { const g = document.querySelector('.grid'); g.scrollTop = g.scrollHeight * share / 100; }",
            share,
        )
        until(
            page,
            "() => { const g = document.querySelector('.grid').getBoundingClientRect();"
            " return [...document.querySelectorAll('.cell')].some((c) => { const b = c.getBoundingClientRect();"
            " return b.top >= g.top - 10 && b.top < g.bottom && c.querySelector('canvas')?.width === 266; }); }",
        )
        assert page.locator(".cell").count() < 100
        session.send("HeapProfiler.collectGarbage")  # when a browser does so itself is its own affair
        assert max(map(private_bytes, renderers(browser))) < 200_000_000
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    assert metrics["JSHeapUsedSize"] < 20_000_000
    assert metrics["Nodes"] < 20_000
    assert threading.active_count() < 60
