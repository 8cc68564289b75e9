"""Shapes are drawn, resized, relabelled, duplicated and deleted, and all of it is undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api
from tests.helpers.browser import Page, drag, open_sample, saved, until
from tests.helpers.pictures import picture, turned_picture
from tests.helpers.polling import poll

WIDTH, HEIGHT = 800, 500
SHAPE, FEATURE = "@modelarts:shape", "@modelarts:feature"


def box(name: str, left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    return {"name": name, "type": 1, "property": {SHAPE: "bndbox", FEATURE: [[left, top], [right, bottom]]}}


class Canvas:
    """The picture on the screen; points are in its own pixels."""

    def __init__(self, console: Page, api: Api, bucket: Path, *labels: dict[str, Any], names: str = "ab") -> None:
        (bucket / "in/a.png").write_bytes(picture(WIDTH, HEIGHT))
        self.api = api
        self.dataset_id = api.dataset(dataset_type=1, labels=[{"name": name} for name in names])
        self.sample_id = api.ids(self.dataset_id)["a.png"]
        if labels:
            api.label(self.dataset_id, {self.sample_id: list(labels)})
        self.page = open_sample(console, self.dataset_id)
        until(self.page, "document.querySelector('.paper img').naturalWidth > 0")

    def at(self, x: float, y: float) -> tuple[float, float]:
        found = self.page.locator(".paper").bounding_box()
        return found["x"] + x * found["width"] / WIDTH, found["y"] + y * found["height"] / HEIGHT

    def drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        drag(self.page, self.at(x, y), self.at(to_x, to_y))

    def click(self, x: float, y: float, **options: Any) -> None:
        self.page.mouse.click(*self.at(x, y), **options)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def stored(self) -> list[tuple[str, str, list[list[float]]]]:
        """The labels on the server, once all is saved: name, shape and points."""
        saved(self.page)
        found = self.api.samples(self.dataset_id)["samples"][0]["labels"]
        return [(label["name"], label["property"][SHAPE], label["property"][FEATURE]) for label in found]

    def boxes(self) -> list[list[float]]:
        return [[*feature[0], *feature[1]] for _, _, feature in self.stored()]


def near(found: list[float], *wanted: float) -> bool:
    return len(found) == len(wanted) and all(abs(one - other) <= 2 for one, other in zip(found, wanted, strict=True))


def test_box_dragged_by_corner_resizes_and_inside_moves(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, box("a", 100, 100, 300, 250))
    canvas.click(200, 200)
    canvas.drag(300, 250, 400, 350)
    assert near(canvas.boxes()[0], 100, 100, 400, 350)
    canvas.drag(100, 225, 50, 225)
    assert near(canvas.boxes()[0], 50, 100, 400, 350)
    canvas.drag(200, 200, 260, 240)
    assert near(canvas.boxes()[0], 110, 140, 460, 390)
    canvas.drag(260, 240, 1200, 240)
    assert canvas.boxes()[0][2] == WIDTH


def test_chosen_box_is_relabelled_and_deleted_by_key(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, box("a", 100, 100, 300, 250), box("a", 400, 100, 500, 250))
    canvas.click(450, 200)
    canvas.press("2")
    assert [name for name, _, _ in canvas.stored()] == ["a", "b"]
    canvas.press("Control+d")
    assert len(canvas.stored()) == 3
    canvas.press("Delete")
    canvas.press("[", "Delete")
    assert [name for name, _, _ in canvas.stored()] == ["a"]
    canvas.press("Control+z", "Control+z", "Control+z", "Control+z")
    assert [name for name, _, _ in canvas.stored()] == ["a", "a"]


def test_box_inside_another_is_drawn_and_chosen_by_click_and_list(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, box("a", 50, 50, 700, 450))
    canvas.drag(200, 200, 300, 300)
    assert near(canvas.boxes()[1], 200, 200, 300, 300)
    canvas.page.keyboard.down("Shift")
    canvas.drag(220, 220, 260, 260)  # inside the one that is chosen
    canvas.page.keyboard.up("Shift")
    assert near(canvas.boxes()[2], 220, 220, 260, 260)
    canvas.press("Escape")
    canvas.click(240, 240)
    chosen = "[...document.querySelectorAll('.given li')].map((li) => li.classList.contains('chosen'))"
    until(canvas.page, f"String({chosen}) === 'false,false,true'")
    canvas.click(240, 240)
    until(canvas.page, f"String({chosen}) === 'false,true,false'")
    canvas.page.locator(".given .pick").first.click()
    until(canvas.page, f"String({chosen}) === 'true,false,false'")
    until(canvas.page, "document.querySelectorAll('.canvas .handle').length === 8")
    canvas.press("2")
    assert [name for name, _, _ in canvas.stored()] == ["b", "a", "a"]


@pytest.mark.parametrize("orientation", [6, 8])
def test_picture_with_exif_rotation_shows_boxes_in_place(
    console: Page, api: Api, bucket: Path, orientation: int
) -> None:
    (bucket / "in/phone.jpg").write_bytes(turned_picture(orientation, width=600, height=400))
    dataset_id = api.dataset(dataset_type=1, labels=[{"name": "a"}])
    api.label(dataset_id, {api.ids(dataset_id)["phone.jpg"]: [box("a", 0, 0, 300, 200)]})
    page = open_sample(console, dataset_id)
    until(page, "document.querySelector('.paper img').naturalWidth > 0")
    paper = page.locator(".paper").bounding_box()
    assert abs(paper["width"] / paper["height"] - 1.5) < 0.02
    # The red quarter of the picture is where its box is.
    until(page, "document.querySelector('.cell canvas').width > 1")
    pixel = page.evaluate("""() => {
        const style = getComputedStyle(document.querySelector('.paper img')).imageOrientation;
        const thumb = document.querySelector('.cell canvas');
        const at = thumb.getContext('2d').getImageData(thumb.width / 4, thumb.height / 4, 1, 1).data;
        return [style, thumb.width > thumb.height, ...at];
    }""")
    assert pixel[:2] == ["none", True]
    assert pixel[2] > 200 > 100 > pixel[3]


@pytest.mark.parametrize(
    ("key", "kind", "points"),
    [
        ("b", "bndbox", [[100, 100], [200, 180]]),
        ("c", "circle", [[100, 100], [128]]),
        ("l", "line", [[100, 100], [200, 180]]),
        ("d", "dashed", [[100, 100], [200, 180]]),
    ],
)
def test_shape_is_drawn_by_one_drag(
    console: Page, api: Api, bucket: Path, key: str, kind: str, points: list[list[float]]
) -> None:
    canvas = Canvas(console, api, bucket, names="uv")
    canvas.press(key)
    canvas.drag(100, 100, 200, 180)
    name, shape, feature = canvas.stored()[0]
    assert (name, shape) == ("u", kind)
    assert all(near(found, *wanted) for found, wanted in zip(feature, points, strict=True)), feature


@pytest.mark.parametrize("end", ["Enter", "double", "first"])
def test_polygon_is_drawn_by_clicks_and_its_point_moves(console: Page, api: Api, bucket: Path, end: str) -> None:
    canvas = Canvas(console, api, bucket, names="uv")
    canvas.press("p")
    for x, y in ((100, 100), (300, 100), (500, 400), (300, 300)):
        canvas.click(x, y)
    canvas.press("Backspace")
    if end == "Enter":
        canvas.press("Enter")
    elif end == "first":
        canvas.click(101, 101)
    else:
        canvas.page.mouse.dblclick(*canvas.at(300, 100))
    _, shape, feature = canvas.stored()[0]
    assert shape == "polygon"
    assert near(feature[2], 500, 400)
    canvas.press("v")
    canvas.drag(500, 400, 600, 420)
    assert near(canvas.stored()[0][2][2], 600, 420)


def test_points_polylines_and_masks(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, names="uv")
    canvas.press("o")
    canvas.click(50, 60)
    canvas.press("k")
    for x in (100, 200, 300):
        canvas.click(x, 50)
    canvas.press("Enter", "m")
    canvas.drag(400, 300, 600, 300)
    canvas.press("Enter")
    found = canvas.stored()
    assert [shape for _, shape, _ in found] == ["point", "polyline", "polygon"]
    assert near(found[0][2][0], 50, 60)
    assert len(found[1][2]) == 3
    across = [x for x, _ in found[2][2]]
    assert min(across) < 395 and max(across) > 605


def test_without_a_mouse_a_box_is_put_moved_and_resized(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, names="uv")
    canvas.press("Insert")
    left, top, right, bottom = canvas.boxes()[0]
    canvas.press("Shift+ArrowRight", "Control+Shift+ArrowDown", "Alt+Shift+ArrowLeft")
    assert canvas.boxes()[0] == [left + 1, top + 10, right - 4, bottom + 10]


def test_zoom_and_pan_keep_shapes_where_they_are(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, names="uv")
    page = canvas.page
    page.mouse.move(*canvas.at(200, 200))
    page.mouse.wheel(0, -500)
    before = canvas.at(200, 200)
    canvas.drag(190, 190, 240, 230)
    assert near(canvas.boxes()[0], 190, 190, 240, 230)
    page.mouse.move(*before)
    page.mouse.down(button="middle")
    page.mouse.move(before[0] + 60, before[1] + 20, steps=3)
    page.mouse.up(button="middle")
    assert abs(canvas.at(200, 200)[0] - before[0] - 60) < 2
    canvas.press("0")
    assert canvas.page.locator(".paper").bounding_box()["width"] <= 1280


def test_two_hundred_boxes_are_drawn_moved_and_undone(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, names="uv")
    spots = [(10 + 39 * column, 10 + 48 * row) for row in range(10) for column in range(20)]
    for x, y in spots:
        canvas.drag(x, y, x + 20, y + 24)
    assert len(canvas.stored()) == 200
    canvas.press("v")
    for x, y in spots[::10]:
        canvas.drag(x + 10, y + 12, x + 14, y + 18)
    moved = canvas.boxes()
    assert len(moved) == 200
    assert near(moved[10], spots[10][0] + 4, spots[10][1] + 6, spots[10][0] + 24, spots[10][1] + 30)
    for _ in range(20):
        canvas.press("Control+z")
    assert near(canvas.boxes()[10], spots[10][0], spots[10][1], spots[10][0] + 20, spots[10][1] + 24)
    for _ in range(200):
        canvas.press("Control+z")
    poll(lambda: canvas.stored() == [])
    for _ in range(220):
        canvas.press("Control+Shift+z")
    poll(lambda: canvas.boxes() == moved)


def test_shape_drawn_without_labels_waits_for_a_label(console: Page, api: Api, bucket: Path) -> None:
    canvas = Canvas(console, api, bucket, names="")
    canvas.drag(100, 100, 200, 200)
    canvas.page.keyboard.type("tree")
    canvas.press("Enter")
    assert [name for name, _, _ in canvas.stored()] == ["tree"]
    canvas.press("Escape")
    canvas.drag(300, 100, 400, 200)
    assert [name for name, _, _ in canvas.stored()] == ["tree", "tree"]
