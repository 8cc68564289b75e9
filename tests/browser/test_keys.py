"""Every key belongs to the sample that is on the screen: nothing is skipped, lost or set on another sample."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api, labels
from tests.helpers.browser import Page, dataset, open_dataset, open_sample, saved, until
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

NAMES = [f"l{number}" for number in range(10)]


def fill(bucket: Path, count: int) -> None:
    data = picture()
    for number in range(count):
        (bucket / f"in/{number:04}.png").write_bytes(data)


def classified(api: Api, bucket: Path, count: int, names: list[str] = NAMES) -> str:
    fill(bucket, count)
    return api.dataset(labels=[{"name": name} for name in names])


def shown(page: Any) -> str:
    return str(page.locator("dialog.editor h2").inner_text()).split(" ")[0]


def given(page: Any) -> list[str]:
    return [str(text) for text in page.locator(".given .chip").all_inner_texts()]


def latency(console: Page, ms: int) -> None:
    """Let every answer take so much longer."""
    session = console.context.new_cdp_session(console.page)
    session.send("Network.enable")
    rates = {"latency": ms, "downloadThroughput": -1, "uploadThroughput": -1, "offline": False}
    session.send("Network.emulateNetworkConditions", rates)


def test_digit_sets_the_label_that_shows_it(demo: str, at: Callable[..., Page]) -> None:
    page = at(demo).open(f"#/datasets/{dataset(demo, 'digits')['dataset_id']}")
    page.get_by_label("State").select_option("NONE")
    page.locator(".cell .name").first.click()
    page.wait_for_selector("dialog .label-row")
    for digit in "9081":
        row = page.locator(".label-row", has=page.locator(f"kbd:text-is('{digit}')"))
        name = row.locator(".label-name").inner_text()
        assert name == digit
        page.keyboard.press(digit)
        until(page, "(name) => document.querySelector('.given .chip')?.textContent === name", name)
        page.keyboard.press(digit)
        until(page, "document.querySelector('.given .chip') === null")


def test_nothing_is_skipped_while_the_list_shrinks(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 130)
    page = open_dataset(console, dataset_id)
    page.get_by_label("State").select_option("NONE")
    until(page, "document.querySelector('.found').textContent === '130 samples'")
    page.locator(".cell").first.click()
    page.wait_for_selector("dialog.editor")
    seen = []
    for _ in range(130):
        seen.append(shown(page))
        page.keyboard.press("3")
        page.keyboard.press("ArrowRight")
        until(page, "(name) => !document.querySelector('dialog h2').textContent.startsWith(name)", seen[-1]) if len(
            seen
        ) < 130 else None
    assert len(set(seen)) == 130
    saved(page)
    poll(lambda: api.samples(dataset_id, "?sample_state=NONE")["sample_count"] == 0)


def test_keys_are_heard_after_clicks_and_after_a_label_was_added(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 4)
    page = open_sample(console, dataset_id)
    for name, key in (("next ›", "1"), ("next ›", "2"), ("‹ previous", "3")):
        page.get_by_role("button", name=name).click()
        before = given(page)
        page.keyboard.press(key)
        until(page, "(n) => document.querySelectorAll('.given .chip').length === n", len(before) + 1)
    page.get_by_label("Find or add a label").fill("brand-new")
    page.keyboard.press("Enter")
    until(page, "[...document.querySelectorAll('.given .chip')].some((c) => c.textContent === 'brand-new')")
    page.keyboard.press("5")
    until(page, "[...document.querySelectorAll('.given .chip')].some((c) => c.textContent === 'l4')")
    saved(page)
    page.get_by_role("button", name="Close").click()
    until(page, "document.querySelector('dialog') === null && document.activeElement.className === 'cell'")
    focused = page.evaluate("document.activeElement.dataset.place")
    page.keyboard.press("ArrowRight")
    until(page, "(old) => document.activeElement.dataset.place !== old", focused)


@pytest.mark.parametrize("goes_on", [False, True])
def test_twenty_labels_at_a_hundred_ms_a_key_with_300_ms_latency(
    console: Page, api: Api, bucket: Path, goes_on: bool
) -> None:
    dataset_id = classified(api, bucket, 30)
    page = open_sample(console, dataset_id)
    order = [sample["sample_name"] for sample in api.samples(dataset_id)["samples"]]
    if goes_on:
        page.get_by_label("go on after a label").check()
    latency(console, 300)
    for number in range(20):
        page.keyboard.press("1234567890"[number % 10])
        page.wait_for_timeout(100)  # the pace of the keys is what is tested
        if not goes_on:
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(100)
    saved(page)
    found = labels(api, dataset_id)
    assert [found[name] for name in order[:20]] == [[f"l{number % 10}"] for number in range(20)]
    assert all(found[name] == [] for name in order[20:])


def test_keys_wait_for_a_sample_that_is_not_loaded_yet(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 130)
    page = open_dataset(console, dataset_id)
    order = [sample["sample_name"] for sample in api.samples(dataset_id)["samples"]]
    order += [sample["sample_name"] for sample in api.samples(dataset_id, "?limit=100&offset=1")["samples"]]
    page.locator(".grid").evaluate("(grid) => { grid.scrollTop = 2800; }")
    page.wait_for_selector(".cell[data-place='99'] .name")
    latency(console, 400)
    page.locator(".cell[data-place='99']").click()
    page.wait_for_selector("dialog.editor")
    for key in ("1", "ArrowRight", "2", "ArrowRight", "3"):
        page.keyboard.press(key)
    saved(page)
    poll(lambda: labels(api, dataset_id, "?limit=100&offset=1")[order[101]])
    assert labels(api, dataset_id)[order[99]] == ["l0"]
    rest = labels(api, dataset_id, "?limit=100&offset=1")
    assert (rest[order[100]], rest[order[101]], rest[order[102]]) == (["l1"], ["l2"], [])


def test_failed_change_is_rolled_back_visibly_and_can_be_retried(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 3)
    page = open_sample(console, dataset_id)
    first = shown(page)
    body = '{"error_code": "ModelArts.0001", "error_msg": "the disk is full"}'
    page.route("**/data-annotations/samples", lambda route: route.fulfill(status=500, body=body), times=1)
    page.keyboard.press("1")
    page.wait_for_selector("dialog .save-state .tag.bad")
    assert "the disk is full" in page.locator("dialog .save-state").inner_text()
    assert given(page) == []
    note = page.locator("dialog .note.bad")
    assert note.evaluate(
        "(e) => e.contains(document.elementFromPoint(...(({left, top, width, height}) =>"
        " [left + width / 2, top + height / 2])(e.getBoundingClientRect())))"
    )
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.get_by_role("button", name="show").click()
    assert shown(page) == first
    page.get_by_role("button", name="Retry").click()
    saved(page)
    assert labels(api, dataset_id)[first] == ["l0"]
    assert sorted(name for names in labels(api, dataset_id).values() for name in names) == ["l0", "l1"]
    console.said.clear()  # the browser reports the failed request


def test_change_by_another_client_is_shown_and_kept(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 1, ["cat", "dog"])
    page = open_sample(console, dataset_id)
    sample_id = next(iter(api.ids(dataset_id).values()))
    api.label(dataset_id, {sample_id: [{"name": "dog"}]})
    until(page, "document.querySelector('.given .chip')?.textContent === 'dog'")
    page.keyboard.press("1")
    saved(page)
    assert sorted(next(iter(labels(api, dataset_id).values()))) == ["cat", "dog"]


def test_undo_and_redo_cover_a_hundred_steps(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 110)
    page = open_sample(console, dataset_id)
    for _ in range(105):
        page.keyboard.press("4")
        page.keyboard.press("ArrowRight")
    saved(page)
    poll(lambda: api.samples(dataset_id, "?sample_state=ALL")["sample_count"] == 105)
    for _ in range(105):
        page.keyboard.press("Control+z")
    saved(page)
    poll(lambda: api.samples(dataset_id, "?sample_state=ALL")["sample_count"] == 0)
    for _ in range(105):
        page.keyboard.press("Control+Shift+z")
    saved(page)
    poll(lambda: api.samples(dataset_id, "?sample_state=ALL")["sample_count"] == 105)


def test_all_of_ten_thousand_labels_are_offered_and_found(console: Page, api: Api, bucket: Path) -> None:
    names = [f"label-{number:05}" for number in range(10_000)]
    dataset_id = classified(api, bucket, 2, names)
    page = open_sample(console, dataset_id)
    listed = page.locator(".labels .label-row")
    assert listed.first.get_attribute("aria-setsize") == "10000"
    assert listed.count() < 60
    page.locator(".labels").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    page.locator(".label-row", has_text="label-09999").click()
    until(page, "document.querySelector('.given .chip')?.textContent === 'label-09999'")
    page.keyboard.press("/")
    page.keyboard.type("04321")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.given .chip').length === 2")
    assert given(page) == ["label-09999", "label-04321"]


def test_hard_examples_and_proposed_labels_by_key(console: Page, api: Api, bucket: Path) -> None:
    dataset_id = classified(api, bucket, 1, ["cat"])
    data = {
        "name": "b.png",
        "data": base64.b64encode(picture(9, 9)).decode(),
        "labels": [{"name": "cat"}],
    }
    body = {"samples": [data, {**data, "name": "c.png"}], "final_annotation": False}
    api.call("POST", f"/{dataset_id}/data-annotations/samples", json=body)

    def hard() -> int:
        return int(api.call("GET", f"/{dataset_id}/data-annotations/stats")["key_sample_stats"]["key_sample"])

    page = open_dataset(console, dataset_id)
    page.get_by_label("State").select_option("AUTO_ANNOTATION")
    until(page, "document.querySelector('.found').textContent === '2 samples'")
    page.locator(".cell").first.click()
    page.wait_for_selector("dialog .flags .busy")
    page.keyboard.press("h")
    saved(page)
    assert hard() == 1
    page.keyboard.press("Control+z")
    saved(page)
    assert hard() == 0
    page.keyboard.press("Control+Shift+z")
    saved(page)
    assert hard() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    saved(page)
    stats = api.call("GET", f"/{dataset_id}/data-annotations/stats")["sample_stats"]
    assert (stats["un_annotation"], stats["manual_annotation"]) == (2, 1)
