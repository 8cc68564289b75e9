"""Make a labelled dataset of every dataset type, and describe its content for comparison."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.pictures import picture

BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}


SHAPES = [
    BOX,
    {"@modelarts:shape": "polygon", "@modelarts:feature": [[1, 1], [20, 1], [20, 20], [3, 9]]},
    {"@modelarts:shape": "circle", "@modelarts:feature": [[10, 10], [5]]},
    {"@modelarts:shape": "line", "@modelarts:feature": [[1, 1], [20, 20]]},
    {"@modelarts:shape": "dashed", "@modelarts:feature": [[1, 2], [20, 21]]},
    {"@modelarts:shape": "point", "@modelarts:feature": [[7, 8]]},
    {"@modelarts:shape": "polyline", "@modelarts:feature": [[1, 1], [2, 2], [3, 1]]},
]


def sound(path: Path, seconds: float = 0.01) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * int(8000 * seconds) + path.name.encode() * 2)


def fill(bucket: Path, kind: int) -> None:
    """Four samples of the type in the input directory."""
    if kind in (0, 1):
        for number in range(4):
            write(bucket, f"in/sub/Bild {number} ü.png", picture(colour=(number, 0, 0)))
    elif kind in (100, 101, 102):
        write(bucket, "in/texts.txt", "Michael Jordan plays\nPünktchen & Anton 名\nsame\nsame\n")
    elif kind in (200, 201, 202):
        for number in range(4):
            sound(bucket / f"in/{number}.wav")
    elif kind == 600:
        for number in range(4):
            write(bucket, f"in/{number}.mp4", f"video {number}")
    elif kind == 900:
        for name in ("a.bin", "b.tar.gz", "c", "d.jpg"):
            write(bucket, f"in/{name}", name)


LABELS: dict[int, list[list[dict[str, Any]]]] = {
    0: [[{"name": "cat"}, {"name": "Katze ü名", "property": {"color": "white"}, "score": 0.25}], [{"name": "cat"}]],
    1: [
        [{"name": f"{n}", "property": shape} for n, shape in enumerate(SHAPES)],
        [
            {
                "name": 'a "quoted" <name> & 名',
                "score": 0.5,
                "property": {
                    **BOX,
                    "difficult": "1",
                    "occluded": "1",
                    "truncated": "1",
                    "pose": "Left",
                    "@modelarts:hard": "true",
                    "@modelarts:hard_coefficient": "0.8",
                },
            }
        ],
    ],
    100: [[{"name": "positive"}, {"name": "a,b"}], [{"name": "negative"}]],
    101: [
        [{"name": "Person", "property": {"@modelarts:start_index": 0, "@modelarts:end_index": 4}}],
        [{"name": "名", "property": {"@modelarts:start_index": 0, "@modelarts:end_index": 3}}],
    ],
    102: [
        [
            {
                "name": "Person",
                "type": 103,
                "id": "E1",
                "property": {"@modelarts:start_index": 0, "@modelarts:end_index": 3},
            },
            {
                "name": "Book",
                "type": 103,
                "id": "E2",
                "property": {"@modelarts:start_index": 1, "@modelarts:end_index": 4},
            },
            {
                "name": "Author",
                "type": 102,
                "id": "R1",
                "property": {"@modelarts:from": "E1", "@modelarts:to": "E2"},
            },
        ]
    ],
    200: [[{"name": "bark"}], [{"name": "miau"}]],
    201: [[{"property": {"@modelarts:content": "Today is a good day."}}], [{"name": "x", "property": {}}]],
    202: [
        [
            {
                "property": {
                    "@modelarts:start_time": "00:01:10.123",
                    "@modelarts:end_time": "00:01:15.456",
                    "@modelarts:source": "Tom",
                    "@modelarts:content": "How are you?",
                }
            }
        ]
    ],
    600: [[{"name": "fight"}], [{"name": "run", "annotated_by": "auto"}]],
    900: [],
}


def described(api: Api, dataset_id: str) -> list[Any]:
    """What there is, told by content and annotations: names of files may differ."""
    rows = []
    for sample in api.samples(dataset_id)["samples"]:
        is_text = sample["source"].startswith("content://")
        content = sample["source"] if is_text else api.session.get(sample["source"], timeout=10).content
        rows.append((content, sample["sample_type"], sample["sample_status"], sample["labels"], sample["metadata"]))
    return sorted(rows, key=repr)


def labelled_dataset(api: Api, bucket: Path, kind: int) -> str:
    fill(bucket, kind)
    dataset_id = api.dataset(dataset_type=kind)
    samples = api.samples(dataset_id, "?limit=100&order=asc")["samples"]
    assert len(samples) == 4
    for sample, labels in zip(samples, LABELS[kind], strict=False):
        body = {
            "samples": [
                {
                    "sample_id": sample["sample_id"],
                    "labels": labels,
                    "metadata": {"@modelarts:hard": 1, "@modelarts:hard_coefficient": 0.5},
                }
            ]
        }
        answer = api.call("PUT", f"/{dataset_id}/data-annotations/samples", json=body)
        assert answer["success"], answer
    return dataset_id
