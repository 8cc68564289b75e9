"""Datasets, versions, objects, requests and the control page do what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.browser import Page, dataset, open_dataset, until
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

STORAGE = {"x-obs-date": "Thu, 01 Jan 1970 00:00:00 GMT"}


def test_unknown_dataset_is_named_on_the_page(console: Page) -> None:
    page = console.page
    page.goto(f"{console.url}/_emulator/ui#/datasets/nothing")
    page.get_by_role("heading", name="There is no such dataset").wait_for()
    assert "nothing" in page.locator("main code").inner_text()
    page.get_by_role("link", name="To all datasets").click()
    page.wait_for_selector(".cards")
    console.said.clear()  # the browser reports the answer 400


def test_each_refused_file_has_its_own_reason(console: Page, api: Api, bucket: Path, tmp_path: Path) -> None:
    (bucket / "in/there.png").write_bytes(picture())
    dataset_id = api.dataset()
    files = {"there.png": picture(), "text.txt": b"x", "torn.png": b"no picture", "good.png": picture()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    page = open_dataset(console, dataset_id)
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in files])
    page.get_by_role("heading", name="3 of 4 files refused").wait_for()
    reasons = page.locator("dialog .refused li p").all_inner_texts()
    assert len(set(reasons)) == 3
    poll(lambda: api.samples(dataset_id)["sample_count"] == 2)


def test_grid_is_one_tab_stop_and_arrows_move_in_it(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'digits')['dataset_id']}")
    page.wait_for_selector(".cell .name")
    assert page.locator(".grid [tabindex='0'], .grid button, .grid a").count() == 1
    page.locator(".cell").first.focus()
    columns = int(page.locator(".grid").get_attribute("aria-colcount"))
    for key, place in (
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("End", 1796),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        until(page, "(place) => document.activeElement.dataset.place === place", str(place))
    page.keyboard.press("PageDown")
    until(page, "Number(document.activeElement.dataset.place) > 5")
    assert page.locator(".grid").get_attribute("aria-rowcount") == str(-(-1797 // columns))


@pytest.mark.parametrize("tab", ["samples", "labels", "statistics", "versions", "tasks"])
def test_no_page_is_wider_than_a_narrow_screen(demo: str, at: Callable[..., Page], tab: str) -> None:
    page = at(demo, 390, 844).open(f"#/datasets/{dataset(demo, 'scenes')['dataset_id']}/{tab}")
    page.wait_for_selector(".tab > *")
    until(page, "document.querySelector('.tab').textContent.length > 20")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_api_page_requests_only_existing_files(emu: Emulator, at: Callable[..., Page]) -> None:
    opened = at(emu.url)
    failed: list[str] = []
    opened.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    opened.page.goto(f"{emu.url}/_emulator/docs")
    opened.page.wait_for_selector(".opblock-tag")
    assert failed == []


def test_dataset_is_created_with_the_options_of_its_type(console: Page, emu: Emulator, api: Api, bucket: Path) -> None:
    (bucket / "in/a.csv").write_text("name,age\nAda,36\n")
    console.context.add_init_script("sessionStorage.setItem('project', 'project')")
    page = console.open()
    page.get_by_role("button", name="New dataset").first.click()
    form = page.locator("dialog")
    form.get_by_label("Name", exact=True).fill("bad name")
    form.get_by_label("Name", exact=True).fill("people")
    form.get_by_label("Type").select_option(label="Table")
    form.get_by_label("Input folder", exact=True).fill("/bucket/in/")
    assert form.get_by_label("Work folder", exact=True).input_value() == "/bucket/in-output/"
    form.get_by_label("Work folder", exact=True).fill("/bucket/in/")
    form.get_by_label("Columns").fill("name:STRING, age:INT")
    assert "with_column_header" in form.locator(".call-text").inner_text()
    form.get_by_role("button", name="Create").click()
    form.locator("[role=alert]:not(:empty)").wait_for()  # the work folder is in the input folder
    form.get_by_label("Work folder", exact=True).fill("/bucket/out/")
    form.get_by_role("button", name="Create").click()
    page.wait_for_selector(".cell .name")
    found = api.call("GET")["datasets"][0]
    assert (found["dataset_name"], found["dataset_type"]) == ("people", 400)
    page.get_by_role("button", name="Rename").click()
    page.locator("dialog").get_by_label("Name").fill("persons")
    page.locator("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="persons").wait_for()
    console.said.clear()  # the browser reports the answer 400


def test_label_is_renamed_and_recoloured(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "cat"}])
    api.label(dataset_id, {api.ids(dataset_id)["a.png"]: [{"name": "cat"}]})
    page = open_dataset(console, dataset_id, "labels")
    page.get_by_role("button", name="Rename cat").click()
    page.locator("dialog input").fill("kitten")
    page.locator("dialog").get_by_role("button", name="Rename", exact=True).click()
    page.wait_for_selector("tbody th >> text=kitten")
    assert api.samples(dataset_id, "?label_name=kitten")["sample_count"] == 1


def test_two_versions_are_compared_sample_by_sample(console: Page, api: Api, bucket: Path) -> None:
    for name in "abc":
        (bucket / f"in/{name}.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "cat"}, {"name": "dog"}])
    ids = api.ids(dataset_id)
    api.label(dataset_id, {ids["a.png"]: [{"name": "cat"}], ids["b.png"]: [{"name": "cat"}]})
    api.publish(dataset_id, version_name="one")
    api.label(dataset_id, {ids["a.png"]: [{"name": "dog"}]})
    api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json={"samples": [ids["c.png"]]})
    api.publish(dataset_id, version_name="two")
    page = open_dataset(console, dataset_id, "versions")
    page.get_by_label("Compare one").check()
    page.get_by_label("Compare two").check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_selector(".differences li")
    assert page.locator("dialog h2").inner_text() == "one → two"
    found = {each.split("\n")[0]: each for each in page.locator(".differences > li").all_inner_texts()}
    assert set(found) == {"a.png changed", "c.png deleted"}
    assert "− cat" in found["a.png changed"] and "+ dog" in found["a.png changed"]


@pytest.mark.parametrize(("kind", "can_switch"), [(0, True), (400, False)])
def test_version_is_switched_unless_it_is_of_a_table(
    console: Page, api: Api, bucket: Path, kind: int, can_switch: bool
) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    (bucket / "in/a.csv").write_text("a,b\n1,2\n")
    dataset_id = api.dataset(dataset_type=kind)
    api.publish(dataset_id, version_name="one")
    api.publish(dataset_id, version_name="two")
    page = open_dataset(console, dataset_id, "versions")
    page.get_by_label("Delete one").wait_for()
    assert page.get_by_label("Switch to one").count() == can_switch


def test_publish_import_and_export_take_their_options(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    (bucket / "more").mkdir()
    (bucket / "more/b.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "cat"}])
    page = open_dataset(console, dataset_id, "tasks")
    page.get_by_role("button", name="Import").click()
    page.locator("dialog").get_by_label("Path", exact=True).fill("/bucket/more/")
    page.locator("dialog").get_by_role("button", name="Import").click()
    poll(lambda: api.samples(dataset_id)["sample_count"] == 2)
    page.locator(".tab tbody .good >> text=COMPLETED").first.wait_for()
    page.get_by_role("button", name="Export").click()
    assert page.locator("dialog").get_by_label("Folder", exact=True).input_value() == "/bucket/export-dataset-457f/"
    page.locator("dialog").get_by_role("button", name="Export").click()
    poll(lambda: list((bucket / "export-dataset-457f").rglob("b.png")))
    page.get_by_role("button", name="Publish").click()
    form = page.locator("dialog")
    form.get_by_label("Name", exact=True).fill("first")
    form.get_by_label("Share for training").fill("0.5")
    form.get_by_role("button", name="Publish").click()
    form.locator("[role=alert]:not(:empty)").wait_for()  # a split needs more labelled samples
    form.get_by_label("Share for training").fill("1")
    form.get_by_role("button", name="Publish").click()
    poll(lambda: [v["version_name"] for v in api.call("GET", f"/{dataset_id}/versions")["versions"]] == ["first"])
    console.said.clear()  # the browser reports the answer 400


def test_objects_are_browsed_uploaded_previewed_and_deleted(console: Page, emu: Emulator, tmp_path: Path) -> None:
    console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = console.open("#/objects")
    page.get_by_role("button", name="New bucket").first.click()
    page.locator("dialog").get_by_label("Name").fill("made-here")
    page.locator("dialog").get_by_role("button", name="Make").click()
    page.get_by_text("This folder is empty.").wait_for()
    page.get_by_role("button", name="New folder").click()
    page.locator("dialog").get_by_label("Name").fill("a b")
    page.locator("dialog").get_by_role("button", name="Make").click()
    page.get_by_role("link", name="a b/").click()
    page.get_by_text("This folder is empty.").wait_for()
    (tmp_path / "x+1.txt").write_text("what it says")
    page.locator("input[type=file]").set_input_files(tmp_path / "x+1.txt")
    page.get_by_role("button", name="x+1.txt", exact=True).click()
    page.get_by_text("what it says").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Copy the path of x+1.txt").click()
    until(page, "navigator.clipboard.readText().then((text) => text === 'obs://made-here/a b/x+1.txt')")
    page.get_by_role("button", name="Copy a curl line for x+1.txt").click()
    until(page, "navigator.clipboard.readText().then((text) => text.startsWith('curl') && text.includes('/a%20b/'))")
    stored = requests.get(f"{emu.url}/made-here/a%20b/x%2B1.txt", headers=STORAGE, timeout=10)
    assert stored.text == "what it says"
    page.get_by_role("button", name="Delete x+1.txt").click()
    page.locator("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="x+1.txt", exact=True).wait_for(state="detached")
    assert requests.get(f"{emu.url}/made-here/a%20b/x%2B1.txt", headers=STORAGE, timeout=10).status_code == 404


def test_requests_are_filtered_pinned_copied_and_only_the_clients(
    console: Page, emu: Emulator, api: Api, bucket: Path
) -> None:
    console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset()
    requests.delete(f"{emu.url}/_emulator/requests", timeout=10)
    open_dataset(console, dataset_id)
    page = console.open("#/requests")
    page.get_by_text("No client has sent a request yet.").wait_for()
    requests.post(f"{emu.url}/_emulator/faults", json={"operation": "ListLabels", "status": 503}, timeout=10)
    api.call("GET", f"/{dataset_id}/data-annotations/labels", 503)
    requests.get(f"{emu.url}/v2/other/datasets", headers={"User-Agent": "my-client/1"}, timeout=10)
    until(page, "document.querySelectorAll('.log tbody tr').length === 2")
    for name, value in (("Status", "fault"), ("Operation", "ListLabels"), ("Project of the request", "project")):
        page.get_by_label(name, exact=True).select_option(value)
        until(page, "document.querySelectorAll('.log tbody tr').length === 1")
        page.get_by_label(name, exact=True).select_option("")
    page.get_by_label("Client", exact=True).select_option("my-client/1")
    until(page, "document.querySelectorAll('.log tbody tr').length === 1")
    page.get_by_label("Client", exact=True).select_option("")
    page.get_by_role("button", name="ListLabels").click()
    assert "fault-1" in page.locator(".details").inner_text()
    page.get_by_role("button", name="Copy as JavaScript").click()
    until(page, "navigator.clipboard.readText().then((text) => text.includes('await fetch('))")
    page.get_by_role("button", name="Copy as HAR").click()
    until(page, "navigator.clipboard.readText().then((text) => text.includes('startedDateTime'))")
    page.locator(".log tbody tr").last.get_by_role("button", name="Pin").click()
    page.get_by_role("button", name="Clear").click()
    until(page, "document.querySelectorAll('.log tbody tr.pinned').length === 1")
    page.get_by_label("the console's too").check()
    page.get_by_role("link", name="Datasets").click()
    page.wait_for_selector(".card")
    page.get_by_role("link", name="Requests").click()
    page.locator(".log td >> text=console").first.wait_for()


def test_each_control_shows_the_call_and_hits_are_counted_live(console: Page, emu: Emulator) -> None:
    page = console.open("#/control")
    page.get_by_label("Operation").fill("ListDatasets")
    page.get_by_label("How often").fill("2")
    shown = page.locator(".panel", has_text="Faults").first.locator(".call-text").inner_text()
    assert shown.startswith("curl -sf -X POST") and '"times":2' in shown
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("0 of 0").wait_for()
    for _ in range(3):
        requests.get(f"{emu.url}/v2/p/datasets", timeout=10)
    page.get_by_text("2 of 3").wait_for()
    page.get_by_label("Operation").fill("Nothing")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("[role=alert]", has_text="Nothing").wait_for()
    assert page.locator(".call-text").count() == 6
    page.get_by_label("Seed", exact=True).last.fill("7")
    page.get_by_role("button", name="Seed the ids").click()
    page.get_by_text("The same calls now give the same ids.").wait_for()
    console.said.clear()  # the browser reports the answer 400


def test_one_project_is_reset_and_the_others_stay(console: Page, emu: Emulator, api: Api, bucket: Path) -> None:
    api.dataset()
    other = Api(emu.url, "other")
    other.dataset(work_path="/bucket/out2/")
    page = console.open("#/control")
    page.get_by_label("Project to reset").select_option("other")
    page.locator(".panel", has_text="Deletes every dataset").get_by_role("button", name="Reset").click()
    page.locator("dialog").get_by_role("button", name="Reset", exact=True).click()
    poll(lambda: other.call("GET")["total_number"] == 0)
    assert api.call("GET")["total_number"] == 1


def test_thousand_datasets_are_listed_on_scrolling(console: Page, emu: Emulator, api: Api, bucket: Path) -> None:
    for number in range(1000):
        api.create(dataset_name=f"d{number}", work_path=f"/bucket/out/{number}/")
    console.context.add_init_script("sessionStorage.setItem('project', 'project')")
    page = console.open()
    page.wait_for_selector(".card")
    assert page.locator(".found").inner_text() == "1,000 datasets"
    assert page.locator(".card").count() <= 30
    page.locator("main").evaluate("(main) => { main.scrollTop = main.scrollHeight; }")
    until(page, "document.querySelectorAll('.card').length > 30")
    page.get_by_label("Filter by name").fill("d777")
    until(page, "document.querySelectorAll('.card').length === 1")
