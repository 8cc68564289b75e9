"""What the console is for, in a real browser: look, filter, label, draw, publish, see the requests, break something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.helpers.browser import Page, call, dataset, until
from tests.helpers.places import FIXTURES
from tests.helpers.polling import poll


def test_story_create_label_publish_inspect(demo: str, at: Callable[..., Page], screenshots: Path) -> None:
    opened = at(demo)
    page = opened.page
    page.goto(demo + "/")  # a browser is sent to the console
    page.wait_for_selector(".card")
    assert page.url.startswith(f"{demo}/_emulator/ui")
    until(page, "[...document.querySelectorAll('.card img')].some((i) => i.complete && i.naturalWidth > 0)")
    page.screenshot(path=screenshots / "datasets-1280.png")

    # Filter, and label with the keyboard.
    page.get_by_role("link", name="digits", exact=True).click()
    page.wait_for_selector(".cell canvas")
    page.get_by_label("State").select_option("NONE")
    digits = dataset(demo, "digits")
    unlabelled = digits["total_sample_count"] - digits["annotated_sample_count"]
    until(page, f"document.querySelector('.found').textContent.startsWith('{unlabelled:,} ')")
    page.locator(".cell .name").first.click()
    page.wait_for_selector("dialog .paper img")
    page.keyboard.press("2")
    poll(lambda: dataset(demo, "digits")["annotated_sample_count"] == digits["annotated_sample_count"] + 1)
    page.screenshot(path=screenshots / "sample-1280.png")
    page.keyboard.press("Escape")

    # Draw a box, move it, and delete it.
    page.goto(f"{demo}/_emulator/ui#/datasets/{dataset(demo, 'scenes')['dataset_id']}")
    page.locator(".cell .name").first.click()
    canvas = page.locator("svg.canvas")
    canvas.wait_for()
    given = page.locator(".given li")
    before = given.count()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.7
    drag(page, (x, y), (x + 90, y + 60))
    until(page, f"document.querySelectorAll('.given li').length === {before + 1}")
    drawn = given.last.inner_text()
    assert "bndbox" in drawn
    drag(page, (x + 40, y + 30), (x + 60, y + 40))
    until(page, "(old) => document.querySelector('.given li:last-child').innerText !== old", drawn)
    page.screenshot(path=screenshots / "boxes-1280.png")
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")

    # Publish, and see the version and its manifest.
    versions = dataset(demo, "scenes").get("total_sample_count") and page.get_by_role("link", name="versions")
    versions.click()
    page.wait_for_selector("table tbody tr")
    count = page.locator("tbody tr").count()
    page.get_by_role("button", name="Publish").click()
    page.locator("dialog").get_by_role("button", name="Publish", exact=True).click()
    until(page, f"document.querySelectorAll('tbody tr').length === {count + 1}")
    until(page, "document.querySelector('tbody tr .tag.good, tbody tr td .tag.good') !== null")
    page.get_by_role("button", name="Manifest of").first.click()
    page.wait_for_selector("dialog pre")
    assert "modelarts/object_detection" in page.locator("dialog pre").inner_text()
    page.keyboard.press("Escape")
    for number in range(2):
        page.locator("tbody input[type=checkbox]").nth(number).check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_selector("dialog table")
    page.keyboard.press("Escape")

    # The requests that all this was, and one that goes wrong.
    page.get_by_role("link", name="Control").click()
    page.wait_for_selector(".fault")
    page.get_by_label("Operation").fill("ListDatasets")
    page.get_by_label("How often").fill("1")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector("tbody code")
    page.screenshot(path=screenshots / "control-1280.png")
    # The console's own calls are not hit; a client's is.
    page.get_by_role("link", name="Datasets").click()
    page.wait_for_selector(".card")
    assert page.locator(".note.bad").count() == 0
    with pytest.raises(HTTPError, match="503"):
        call(f"{demo}/v2/demo/datasets")
    page.get_by_role("link", name="Requests").click()
    page.get_by_label("Filter", exact=True).fill("ListDatasets 503")
    page.locator("tbody button").first.click()
    assert "503" in page.locator(".details h2").inner_text()
    page.screenshot(path=screenshots / "requests-1280.png")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("name", ["sounds", "people", "reviews", "weather", "inventions", "shapes", "digits"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_type_of_dataset_can_be_looked_at(
    demo: str, at: Callable[..., Page], screenshots: Path, name: str, width: int
) -> None:
    found = dataset(demo, name)
    page = at(demo, width).open(f"#/datasets/{found['dataset_id']}")
    page.wait_for_selector(".cell .name")
    page.screenshot(path=screenshots / f"{name}-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
    page.locator(".cell .name").first.click()
    page.wait_for_selector("dialog .side")
    page.locator("dialog summary").click()
    until(page, "document.querySelector('dialog .side pre').textContent.includes('sample_id')")
    page.screenshot(path=screenshots / f"{name}-sample-{width}.png")


@pytest.mark.parametrize("place", ["", "#/requests", "#/control"])
def test_every_page_fits_a_narrow_screen(demo: str, at: Callable[..., Page], screenshots: Path, place: str) -> None:
    page = at(demo, 390).open(place)
    page.screenshot(path=screenshots / f"{place.removeprefix('#/') or 'datasets'}-390.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_change_by_another_client_is_shown_at_once(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open("#/requests")
    page.wait_for_selector("#live.on")
    call(f"{demo}/v2/somebody-else/datasets")
    page.get_by_label("Filter", exact=True).fill("somebody-else")
    page.wait_for_selector("tbody tr")
    page.goto(f"{demo}/_emulator/ui#/datasets")
    page.wait_for_selector(".card")
    put = Request(f"{demo}/demo/outside/a.bin", b"1", {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}, method="PUT")
    urlopen(put, timeout=20).close()
    body = {"dataset_name": "from-outside", "dataset_type": 900, "work_path": "/demo/outside-out/", "work_path_type": 0}
    call(f"{demo}/v2/demo/datasets", "POST", {**body, "data_sources": [{"data_path": "/demo/outside/"}]})
    page.wait_for_selector(".card h2 >> text=from-outside")


def test_dataset_is_created_uploaded_to_and_deleted(demo: str, at: Callable[..., Page], tmp_path: Path) -> None:
    page = at(demo).open()
    page.get_by_role("button", name="New dataset").click()
    page.get_by_label("Name", exact=True).last.fill("made-here")
    page.get_by_label("Choose the input folder").click()
    picker = page.locator("dialog").last
    picker.get_by_role("button", name="demo/").click()
    picker.get_by_label("Name of a new folder").fill("made-in")
    picker.get_by_role("button", name="Make").click()
    until(page, "document.querySelector('dialog .path').textContent === '/demo/made-in/'")
    picker.get_by_role("button", name="Choose this folder").click()
    page.get_by_placeholder("/bucket/folder/").last.fill("/demo/made-out/")
    page.get_by_role("button", name="Create").click()
    page.wait_for_selector(".grid")  # it is opened at once
    (tmp_path / "a.txt").write_text("no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "a.txt")
    page.wait_for_selector("dialog .refused")
    page.keyboard.press("Escape")
    picture = FIXTURES / "scenes"
    page.locator("input[type=file]").set_input_files(next(picture.glob("*.jpg")))
    page.wait_for_selector(".cell canvas")
    page.get_by_role("link", name="labels").click()
    page.get_by_role("button", name="Add a label").wait_for()
    page.get_by_role("textbox", name="Name", exact=True).fill("mine")
    page.get_by_role("button", name="Add a label").click()
    page.wait_for_selector("tbody th >> text=mine")
    page.get_by_role("link", name="All datasets").click()
    page.get_by_role("button", name="Delete made-here").click()
    page.locator("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_selector(".card h2 >> text=made-here", state="detached")


def test_keys_alone_are_enough(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'digits')['dataset_id']}")
    page.wait_for_selector(".cell .name")
    page.get_by_role("button", name="Upload").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "cell"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .paper img")
    first = page.locator("dialog h2").inner_text()
    page.keyboard.press("ArrowRight")
    until(page, "(old) => document.querySelector('dialog h2').innerText !== old", first)
    page.keyboard.press("Escape")
    until(page, "document.querySelector('dialog') === null && document.activeElement.className === 'cell'")


def test_text_selection_becomes_an_entity(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'people')['dataset_id']}")
    page.get_by_label("State").select_option("NONE")
    page.locator(".cell .name").first.click()
    page.wait_for_selector("dialog .stage .text")
    text = page.locator("dialog .stage .text").inner_text()
    page.evaluate("""() => {
        const node = document.querySelector("dialog .stage .text").firstChild, range = document.createRange();
        range.setStart(node, 2);
        range.setEnd(node, 7);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
    }""")
    page.locator("dialog .label-row").first.click()
    page.wait_for_selector("dialog .given li")
    assert "2–7" in page.locator("dialog .given").inner_text()
    assert page.locator("dialog mark").inner_text().startswith(text[2:7])


def test_files_that_are_dropped_are_uploaded(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'scenes')['dataset_id']}")
    page.wait_for_selector(".cell .name")
    before = dataset(demo, "scenes")["total_sample_count"]
    page.evaluate("""() => new Promise((resolve) => {
        const canvas = document.createElement("canvas");
        canvas.toBlob((blob) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([blob], "dropped.png", { type: "image/png" }));
            const drop = new DragEvent("drop", { dataTransfer, cancelable: true, bubbles: true });
            document.querySelector(".grid").dispatchEvent(drop);
            resolve();
        });
    })""")
    page.wait_for_selector(".note >> text=1 uploaded")
    assert dataset(demo, "scenes")["total_sample_count"] == before + 1


def test_every_kind_of_shape_is_drawn(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'shapes')['dataset_id']}")
    page.get_by_label("State").select_option("ALL")
    page.wait_for_selector(".cell svg.shapes > *")
    kinds = page.evaluate("[...new Set([...document.querySelectorAll('.shapes > *')].map((e) => e.tagName))].sort()")
    assert kinds == ["circle", "polygon", "polyline", "rect"]
    each = "(e) => e.style.getPropertyValue('--colour')"
    assert page.evaluate(f"new Set([...document.querySelectorAll('.shapes > *')].map({each})).size") == 7


def test_box_cancelled_while_drawing_is_not_saved(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'scenes')['dataset_id']}")
    page.locator(".cell .name").first.click()
    box = page.locator("dialog svg.canvas").bounding_box()
    before = page.locator("dialog .given li").count()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5 + 30, box["y"] + box["height"] * 0.1 + 30)
    page.wait_for_selector("dialog rect.new")
    page.evaluate("document.querySelector('dialog .picture-stage').dispatchEvent(new PointerEvent('pointercancel'))")
    page.mouse.up()
    page.wait_for_selector("dialog rect.new", state="detached")
    assert page.locator("dialog .given li").count() == before


def test_sounds_can_be_played(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'sounds')['dataset_id']}")
    page.locator(".cell .name").first.click()
    page.wait_for_selector("dialog audio")
    until(page, "document.querySelector('dialog audio').duration > 0")


def test_tasks_and_their_progress_are_seen(demo: str, at: Callable[..., Page]) -> None:
    identity = dataset(demo, "shapes")["dataset_id"]
    opened = at(demo)
    page = opened.open(f"#/datasets/{identity}/tasks")
    page.wait_for_selector("tbody tr")
    call(f"{demo}/_emulator/transitions", "PUT", {"sync": {"mode": "hold", "before": "COMPLETED"}})
    page.get_by_role("button", name="Synchronize").click()
    page.wait_for_selector("tbody .tag.busy >> text=RUNNING")
    page.wait_for_selector("#status >> text=synchronizing")
    call(f"{demo}/_emulator/transitions", "PUT", {})
    page.wait_for_selector("tbody .tag.good >> text=COMPLETED")
    page.wait_for_selector("#status >> text=ready")
