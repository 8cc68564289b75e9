"""A team is made, labels, is reviewed and accepted in the console, and so are automatic labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.api import Api
from tests.helpers.browser import Page, open_dataset, until
from tests.helpers.pictures import picture
from tests.helpers.polling import poll


def in_project(console: Page, place: str) -> Any:
    console.context.add_init_script("sessionStorage.setItem('project', 'project')")
    return console.open(place)


def team(url: str, path: str = "", method: str = "GET", **body: Any) -> Any:
    answer = requests.request(method, f"{url}/v2/project/workforces{path}", json=body or None, timeout=20)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def roles(url: str, place: str) -> set[tuple[str, int]]:
    return {(worker["email"], worker["role"]) for worker in team(url, place)["workers"]}


@pytest.fixture
def labelling_team(console: Page) -> str:
    """A team with two labelers and a reviewer."""
    identity = team(console.url, method="POST", workforce_name="team")["workforce_id"]
    team(console.url, f"/{identity}/workers", "POST", emails=["a@example.com", "b@example.com"], role=0)
    team(console.url, f"/{identity}/workers", "POST", emails=["r@example.com"], role=1)
    return str(identity)


def test_team_is_made_with_members_and_deleted(console: Page) -> None:
    page = in_project(console, "#/teams")
    page.get_by_role("button", name="New team").click()
    page.get_by_label("Name", exact=True).fill("red-team")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("button", name="Members of red-team").click()
    page.get_by_label("Addresses").fill("one@example.com, two@example.com")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("Role of two@example.com").select_option("1")
    (found,) = team(console.url)["workforces"]
    place = f"/{found['workforce_id']}/workers"
    poll(
        lambda: {w["email"]: w["role"] for w in team(console.url, place)["workers"]}.get("two@example.com") == 1, "role"
    )
    page.get_by_label("Addresses").fill("no address")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector("dialog .bad:not(:empty)")
    page.get_by_role("button", name="Remove one@example.com").click()
    poll(lambda: len(team(console.url, place)["workers"]) == 1, "the member is removed")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Delete red-team").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_selector("text=No teams yet.")
    assert team(console.url)["workforces"] == []
    console.said[:] = [text for text in console.said if "400" not in text]  # the refused address


def test_team_labels_is_reviewed_and_accepted(console: Page, api: Api, bucket: Path, labelling_team: str) -> None:
    for number in range(4):
        (bucket / f"in/{number}.png").write_bytes(picture(40 + number, 30))
    dataset_id = api.dataset(labels=[{"name": "cat"}, {"name": "dog"}])
    page = open_dataset(console, dataset_id, "team")
    page.get_by_role("button", name="New team task").click()
    page.get_by_label("Name", exact=True).fill("first")
    page.get_by_role("button", name="Create and start").click()
    page.get_by_role("button", name="Open first").click()
    page.wait_for_selector("dialog table .team-sample")

    def state() -> dict[str, int]:
        (task,) = api.call("GET", f"/{dataset_id}/workforce-tasks")["tasks"]
        return {name.removesuffix("_sample_count"): number for name, number in task["sample_stats"].items() if number}

    assert state() == {"total": 4, "unannotated": 4}
    for number in range(4):
        page.get_by_label(f"Label of {number}.png").select_option("dog" if number else "cat")
        poll(lambda done=number: state().get("unreviewed") == done + 1, "the label is stored")
    page.get_by_label("Comment on 0.png").fill("blurred")
    page.get_by_role("button", name="Reject 0.png").click()
    poll(lambda: state().get("rejected") == 1, "the review is stored")
    for number in range(1, 4):
        page.get_by_label(f"Score of {number}.png").select_option("B")
        page.get_by_role("button", name=f"Accept {number}.png").click()
        poll(lambda done=number: state().get("uncheck") == done, "the review is stored")
    page.get_by_label("State", exact=True).select_option("REJECTED")
    until(page, "document.querySelectorAll('dialog .team-sample').length === 1")
    assert "blurred" in page.locator("dialog tr", has_text="0.png").inner_text()
    page.get_by_label("State", exact=True).select_option("")
    page.get_by_role("button", name="Begin an acceptance").click()
    page.wait_for_selector("text=3 drawn.")
    page.get_by_role("button", name="Reject 1.png").click()
    page.get_by_label("End the acceptance").select_option("4")
    page.get_by_role("button", name="End", exact=True).click()
    poll(lambda: state() == {"total": 4, "rejected": 2, "accepted": 2}, "the acceptance has ended")
    found = api.samples(dataset_id, "?sample_state=ALL")["samples"]
    assert sorted(sample["sample_name"] for sample in found) == ["2.png", "3.png"]
    assert {label["name"] for sample in found for label in sample["labels"]} == {"dog"}


def test_sent_mails_are_listed(console: Page, api: Api, bucket: Path, labelling_team: str) -> None:
    (bucket / "in/0.png").write_bytes(picture())
    dataset_id = api.dataset()
    config = {"workforces": [{"workforce_id": labelling_team}]}
    api.call("POST", f"/{dataset_id}/workforce-tasks", json={"task_name": "first", "workforces_config": config})
    page = in_project(console, "#/teams")
    page.wait_for_selector("text=Sent e-mails")
    until(page, "document.querySelectorAll('table').length === 2")
    assert page.locator("table").nth(1).locator("tbody tr").count() > 0


def test_type_that_teams_do_not_label_says_so(console: Page, api: Api, bucket: Path) -> None:
    page = open_dataset(console, api.dataset(dataset_type=900), "team")
    page.wait_for_selector("text=Teams do not label datasets of this type.")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("place", ["#/teams", "team"])
def test_pages_of_teams_fit_the_screen(
    console: Page, api: Api, bucket: Path, labelling_team: str, width: int, place: str, screenshots: Path
) -> None:
    (bucket / "in/0.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "cat"}])
    config = {"workforces": [{"workforce_id": labelling_team}]}
    api.call("POST", f"/{dataset_id}/workforce-tasks", json={"task_name": "first", "workforces_config": config})
    page = in_project(console, place) if place.startswith("#") else open_dataset(console, dataset_id, place)
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_selector("table")
    if place == "team":
        page.get_by_role("button", name="Open first").click()
        page.wait_for_selector("dialog table .team-sample")
    page.screenshot(path=str(screenshots / f"teams-{place.strip('#/')}-{width}.png"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_automatic_labels_are_made_and_wait_to_be_confirmed(console: Page, api: Api, bucket: Path) -> None:
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture(40 + number, 30))
    dataset_id = api.dataset(labels=[{"name": "cat"}, {"name": "dog"}])
    page = open_dataset(console, dataset_id, "tasks")
    page.get_by_role("button", name="Label automatically").click()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_selector("tr:has-text('pre-labelling') td:has-text('COMPLETED')")
    assert api.call("GET", f"/{dataset_id}")["unconfirmed_sample_count"] == 3
    page.wait_for_selector(".counts:has-text('3 to confirm')")
