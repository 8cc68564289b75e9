"""Open console pages in a browser and collect the errors that they log."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from tests.helpers.polling import poll

QUIET = ("error", "warning")


def until(page: Any, expression: str, argument: Any = None) -> Any:
    """Wait until something is true in a page; Playwright's own way is refused by the page's policy."""
    return poll(lambda: page.evaluate(expression, argument), expression)


class Page:
    """A page, and what it said that it should not have."""

    def __init__(self, context: Any, url: str) -> None:
        self.url, self.context = url, context
        self.page = context.new_page()
        self.said: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda box: (self.said.append(f"dialog: {box.message}"), box.dismiss()))

    def _heard(self, message: Any) -> None:
        # Only some may listen at once, and a page that was closed listens a moment longer: the next one tries again.
        is_busy_listener = message.location.get("url", "").endswith("/_emulator/events") and "429" in message.text
        is_about_reading_pixels = "willReadFrequently" in message.text  # only tests read pixels back
        if message.type in QUIET and not is_busy_listener and not is_about_reading_pixels:
            self.said.append(message.text)

    def open(self, place: str = "") -> Any:
        self.page.goto(f"{self.url}/_emulator/ui{place}")
        self.page.wait_for_selector("#main h1")
        return self.page


def dataset(url: str, name: str) -> dict[str, Any]:
    found = call(f"{url}/v2/demo/datasets?limit=100")["datasets"]
    return next(each for each in found if each["dataset_name"] == name)


def call(url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def open_dataset(console: Page, dataset_id: str, tab: str = "samples") -> Any:
    """Open a dataset of the project ``project``."""
    console.context.add_init_script("sessionStorage.setItem('project', 'project')")
    page = console.open(f"#/datasets/{dataset_id}/{tab}")
    page.wait_for_selector(".cell .name" if tab == "samples" else ".tab > *")
    return page


def open_sample(console: Page, dataset_id: str, place: int = 0) -> Any:
    """Open a sample of a dataset of the project ``project``, by its place in the grid."""
    page = open_dataset(console, dataset_id)
    page.locator(".cell").nth(place).click()
    page.wait_for_selector("dialog.editor .side")
    return page


def saved(page: Any) -> None:
    """Wait until the open editor says that all is saved."""
    until(page, "document.querySelector('.save-state').textContent === 'saved'")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the pointer from one point of the page to another."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()
