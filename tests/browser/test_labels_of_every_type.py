"""Texts, sounds and tables are labelled with the tools that their types have, and with no others."""

from __future__ import annotations

import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api
from tests.helpers.browser import Page, drag, open_dataset, open_sample, saved, until
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

START, END = "@modelarts:start_index", "@modelarts:end_index"


def sound(seconds: float = 2.0) -> bytes:
    """A tone as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        count = int(8000 * seconds)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 3))) for n in range(count)))
    return out.getvalue()


def stored(api: Api, page: Any, dataset_id: str) -> list[dict[str, Any]]:
    saved(page)
    return list(api.samples(dataset_id)["samples"][0]["labels"])


def relation_label(name: str, start: str, end: str) -> dict[str, Any]:
    """A relation label of a dataset of triplets."""
    return {"name": name, "type": 102, "property": {"@modelarts:from_type": start, "@modelarts:to_type": end}}


def test_entity_is_marked_by_keys_alone(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("Ada Lovelace met Babbage")
    dataset_id = api.dataset(dataset_type=101, labels=[{"name": "person"}, {"name": "place"}])
    page = open_sample(console, dataset_id)
    for key in (".", ">", "1"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    for key in (".", ".", ".", "2"):
        page.keyboard.press(key)
    found = [(each["name"], each["property"][START], each["property"][END]) for each in stored(api, page, dataset_id)]
    assert found[0] == ("person", 0, 12)
    assert found[1][0] == "place"
    page.locator(".given .pick").nth(1).click()
    page.keyboard.press("1")
    assert [each["name"] for each in stored(api, page, dataset_id)] == ["person", "person"]
    page.keyboard.press("Delete")
    page.keyboard.press("Control+z")
    assert len(stored(api, page, dataset_id)) == 2


def test_entities_are_related_and_lose_the_relation_together(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("Ada wrote notes")
    labels = [{"name": "who", "type": 103}, {"name": "what", "type": 103}]
    labels += [relation_label("wrote", "who", "what"), relation_label("made", "what", "who")]
    dataset_id = api.dataset(dataset_type=102, labels=labels)
    page = open_sample(console, dataset_id)
    for key in (".", "1", "Escape", ".", ".", "2"):
        page.keyboard.press(key)
    until(page, "document.querySelectorAll('.given li .pick').length === 2")
    page.keyboard.press("[")
    page.keyboard.press("r")
    page.locator("mark").last.click()
    found = stored(api, page, dataset_id)
    relation = next(each for each in found if each["type"] == 102)
    assert relation["name"] == "wrote"
    assert relation["property"]["@modelarts:from"] == found[0]["id"]
    assert relation["property"]["@modelarts:to"] == found[1]["id"]
    page.get_by_role("button", name="Remove what").click()
    assert [each["name"] for each in stored(api, page, dataset_id)] == ["who"]


def test_relation_label_is_added_between_two_entities(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("Ada wrote notes")
    dataset_id = api.dataset(dataset_type=102, labels=[{"name": "who", "type": 103}, {"name": "what", "type": 103}])
    page = open_dataset(console, dataset_id, "labels")
    assert not page.get_by_label("From entity").is_visible()
    page.get_by_label("Name", exact=True).fill("wrote")
    page.get_by_label("Type").select_option(label="relation")
    page.get_by_label("From entity").select_option(label="who")
    page.get_by_label("To entity").select_option(label="what")
    page.get_by_role("button", name="Add a label").click()
    page.get_by_role("cell", name="who → what").wait_for()
    stored = api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]
    assert stored[-1]["property"] == {"@modelarts:from_type": "who", "@modelarts:to_type": "what"}


def test_transcript_does_not_become_a_label_of_the_dataset(console: Page, api: Api, bucket: Path) -> None:
    for name in "ab":
        (bucket / f"in/{name}.wav").write_bytes(sound())
    dataset_id = api.dataset(dataset_type=201)
    page = open_sample(console, dataset_id)
    assert page.locator(".label-panel").count() == 0
    page.keyboard.press("w")
    page.keyboard.type("it rains, 1 2 3")
    page.get_by_role("button", name="next ›").click()  # what was typed stays with its sample
    page.keyboard.press("w")
    page.keyboard.type("second")
    page.keyboard.press("Control+Enter")
    saved(page)
    samples = api.samples(dataset_id)["samples"]
    contents = [each["labels"][0]["property"]["@modelarts:content"] for each in samples]
    assert contents == ["it rains, 1 2 3", "second"]
    assert api.call("GET", f"/{dataset_id}/data-annotations/labels").get("labels", []) == []


def test_segments_are_made_written_down_and_moved(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.wav").write_bytes(sound())
    dataset_id = api.dataset(dataset_type=202)
    page = open_sample(console, dataset_id)
    until(page, "document.querySelector('dialog audio').duration > 1.9")
    wave_box = page.locator("canvas.waveform").bounding_box()
    left, width, y = wave_box["x"], wave_box["width"], wave_box["y"] + 50
    drag(page, (left + width * 0.25, y), (left + width * 0.5, y))
    until(page, "!document.querySelector('textarea.content').disabled")
    page.get_by_label("What is said").fill("hello")
    page.get_by_label("Speaker").fill("ann")
    page.get_by_label("Speaker").blur()
    drag(page, (left + width * 0.5, y), (left + width * 0.75, y))
    label = stored(api, page, dataset_id)[0]
    assert label["property"]["@modelarts:content"] == "hello"
    assert label["property"]["@modelarts:source"] == "ann"
    assert abs(float(label["property"]["@modelarts:start_time"][6:]) - 0.5) < 0.05
    assert abs(float(label["property"]["@modelarts:end_time"][6:]) - 1.5) < 0.05


def test_sound_shows_a_waveform_and_is_classified(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.wav").write_bytes(sound())
    dataset_id = api.dataset(dataset_type=200, labels=[{"name": "tone"}])
    page = open_sample(console, dataset_id)
    ink = """() => { const c = document.querySelector('canvas.waveform'), p = c.getContext('2d');
        const d = p.getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 3; i < d.length; i += 4) if (d[i]) n += 1; return n > c.width * 20; }"""
    until(page, f"({ink})()")
    page.keyboard.press("1")
    assert [each["name"] for each in stored(api, page, dataset_id)] == ["tone"]


def test_segmentation_is_drawn_with_polygons_only(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture(200, 100))
    dataset_id = api.dataset(dataset_type=3, labels=[{"name": "road"}])
    page = open_sample(console, dataset_id)
    until(page, "document.querySelector('.paper img').naturalWidth > 0")
    tools = page.locator(".toolbar [aria-pressed]").all_inner_texts()
    assert [text[1:] for text in tools] == ["Select", "Polygon", "Mask"]
    page.keyboard.press("1")
    page.keyboard.press("i")
    saved(page)
    (label,) = api.samples(dataset_id)["samples"][0]["labels"]
    assert (label["name"], label["type"], label["property"]["@modelarts:shape"]) == ("road", 3, "polygon")


def test_video_frame_is_labelled(console: Page, api: Api, bucket: Path) -> None:
    (bucket / "in/a.mp4").write_bytes(b"a video, more or less")
    dataset_id = api.dataset(dataset_type=600, labels=[{"name": "car"}])
    page = open_sample(console, dataset_id)
    page.keyboard.press("1")
    label = stored(api, page, dataset_id)[0]
    assert (label["name"], label["property"]["@modelarts:start_time"]) == ("car", "00:00:00.000")
    page.locator(".frames button", has_text="car").click()
    page.keyboard.press("Delete")
    assert stored(api, page, dataset_id) == []
    console.said.clear()  # the browser may report that it cannot play the file


@pytest.mark.parametrize(("kind", "name"), [(400, "a.csv"), (900, "a.bin")])
def test_nothing_is_offered_where_samples_take_no_labels(
    console: Page, api: Api, bucket: Path, kind: int, name: str
) -> None:
    (bucket / "in" / name).write_text("x,y\n1,2\n")
    dataset_id = api.dataset(dataset_type=kind)
    page = open_sample(console, dataset_id)
    assert page.locator(".label-panel, .undo, .tool:has-text('hard')").count() == 0
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    until(page, "document.querySelector('dialog') === null")
    page.goto(f"{console.url}/_emulator/ui#/datasets/{dataset_id}/labels")
    page.get_by_text("take no labels").wait_for()


def test_many_samples_are_labelled_at_once_and_undone(console: Page, api: Api, bucket: Path) -> None:
    from tests.helpers.pictures import picture

    data = picture()
    for number in range(250):
        (bucket / f"in/{number:03}.png").write_bytes(data)
    dataset_id = api.dataset(labels=[{"name": "cat"}, {"name": "dog"}])
    page = open_dataset(console, dataset_id)
    cells = page.locator(".cell")
    cells.nth(0).click(modifiers=["Control"])
    cells.nth(3).click(modifiers=["Shift"])
    until(page, "document.querySelector('.bulk strong').textContent === '4 selected'")
    page.keyboard.press("1")
    poll(lambda: api.samples(dataset_id, "?label_name=cat")["sample_count"] == 4)
    page.keyboard.press("Control+a")
    until(page, "document.querySelector('.bulk strong').textContent === '250 selected'")
    page.get_by_role("button", name="Label…").click()
    page.locator("dialog").get_by_label("Label").fill("new one")
    page.keyboard.press("Enter")
    poll(lambda: api.samples(dataset_id, "?label_name=new%20one")["sample_count"] == 250)
    page.locator(".cell[tabindex='0']").focus()
    page.keyboard.press("Control+z")
    poll(lambda: api.samples(dataset_id, "?label_name=new%20one")["sample_count"] == 0)
    assert api.samples(dataset_id, "?label_name=cat")["sample_count"] == 4


@pytest.mark.parametrize("with_files", [False, True])
def test_deleted_samples_come_back_with_their_labels(console: Page, api: Api, bucket: Path, with_files: bool) -> None:
    from tests.helpers.pictures import picture

    for name in "abc":
        (bucket / f"in/{name}.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "cat"}])
    ids = api.ids(dataset_id)
    api.label(dataset_id, {ids["b.png"]: [{"name": "cat"}]})
    page = open_dataset(console, dataset_id)
    page.keyboard.press("Tab")
    page.locator(".cell").first.focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    if with_files:
        page.get_by_label("delete their files as well").check()
    page.locator("dialog").get_by_role("button", name="Delete", exact=True).click()
    poll(lambda: api.samples(dataset_id)["sample_count"] == 0)
    poll(lambda: (bucket / "in/a.png").exists() is not with_files)  # files are deleted after the samples
    page.get_by_role("button", name="Undo").click()
    poll(lambda: api.samples(dataset_id, "?label_name=cat")["sample_count"] == 1)
    poll(lambda: api.samples(dataset_id)["sample_count"] == 3)
    assert api.ids(dataset_id) == ids
    assert (bucket / "in/a.png").exists()
    page.get_by_text("3 are back.").wait_for()
    if with_files:
        console.said.clear()  # the browser reports that a sample was not there at first
    console.said[:] = [line for line in console.said if "400" not in line]
