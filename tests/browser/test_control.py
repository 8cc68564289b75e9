"""What the console's control page asks for is done, and what the request page copies is what was sent."""

from __future__ import annotations

from pathlib import Path

import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.browser import Page, until
from tests.helpers.pictures import picture
from tests.helpers.polling import poll


def test_tasks_clock_and_snapshots(console: Page, emu: Emulator, api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    api.dataset()
    page = console.open("#/control")
    page.get_by_label("How publish goes on").select_option("hold")
    poll(lambda: emu.runtime.transitions.rules()["publish"].mode.value == "hold")
    page.get_by_role("button", name="Freeze").click()
    poll(lambda: emu.runtime.clock.is_frozen)
    page.get_by_role("button", name="+1 day").click()
    poll(lambda: emu.runtime.clock.offset_ms > 23 * 3600 * 1000)
    page.get_by_role("button", name="Real").click()
    poll(lambda: not emu.runtime.clock.is_frozen)
    panel = page.locator(".panel", has_text="Snapshots")
    panel.get_by_label("Name").fill("kept")
    panel.get_by_role("button", name="Keep everything").click()
    panel.get_by_text("1 datasets").wait_for()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download kept").click()
    assert download.value.suggested_filename == "kept.zip"
    page.locator(".panel", has_text="Deletes every dataset").get_by_role("button", name="Reset").click()
    page.locator("dialog").get_by_role("button", name="Reset", exact=True).click()
    poll(lambda: api.call("GET")["total_number"] == 0)
    panel.get_by_role("button", name="Put back kept").click()
    page.locator("dialog").get_by_role("button", name="Put back", exact=True).click()
    poll(lambda: api.call("GET")["total_number"] == 1)
    panel.get_by_role("button", name="Delete kept").click()
    page.locator("dialog").get_by_role("button", name="Delete", exact=True).click()
    poll(lambda: requests.get(f"{emu.url}/_emulator/snapshots", timeout=10).json()["snapshots"] == [])


def test_request_copied_equals_the_one_sent(console: Page, emu: Emulator, api: Api) -> None:
    api.refused("GET", "/nothing")
    console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = console.open("#/requests")
    page.get_by_label("Filter", exact=True).fill("nothing")
    page.locator("tbody button").first.click()
    for form, start in (("curl", "curl "), ("python", "import requests"), ("pytest", "def test_recorded")):
        page.get_by_role("button", name=f"Copy as {form}").click()
        copied = f"(text) => text.includes({start!r}) && text.includes('/nothing')"
        until(page, f"navigator.clipboard.readText().then({copied})")


def test_labels_get_colours_and_versions_are_switched(console: Page, emu: Emulator, api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "cat"}])
    first = api.publish(dataset_id)
    api.publish(dataset_id)
    page = console.open()
    page.get_by_label("Project").fill("project")
    page.get_by_label("Project").press("Enter")
    page.goto(f"{emu.url}/_emulator/ui#/datasets/{dataset_id}/labels")
    page.get_by_label("Colour of cat").fill("#123456")
    page.get_by_label("Shortcut of cat").wait_for()
    poll(lambda: api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"][0]["property"])
    label = api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"][0]
    assert label["property"]["@modelarts:color"] == "#123456"
    page.get_by_role("link", name="versions").click()
    page.get_by_role("button", name=f"Switch to {first['version_name']}").click()
    page.locator("dialog").get_by_role("button", name="Switch", exact=True).click()
    poll(lambda: api.call("GET", f"/{dataset_id}")["current_version_id"] == first["version_id"])
