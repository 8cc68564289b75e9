"""Eight clients and a busy folder at once: in the end counts, pages, statistics and files agree.

``STRESS_ROUNDS`` is how many calls each client makes.
"""

from __future__ import annotations

import base64
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

pytestmark = pytest.mark.slow

CLIENTS = 8
ROUNDS = int(os.environ.get("STRESS_ROUNDS", "25"))
NAMES = ("cat", "dog", "cow")


def client(url: str, dataset_id: str, number: int, failures: list[str]) -> None:
    """List, label, upload and delete, each time something else."""
    chance = random.Random(number)
    api = Api(url)
    base = f"/{dataset_id}/data-annotations"
    try:
        for turn in range(ROUNDS):
            page = api.samples(
                dataset_id, f"?limit=100&offset={chance.randrange(2)}&order={chance.choice(['asc', 'desc'])}"
            )
            ids = [sample["sample_id"] for sample in page["samples"]]
            if len(set(ids)) != len(ids):
                failures.append("a page lists a sample twice")
            what = chance.randrange(4)
            if what == 0 and ids:
                labels = [{"name": name} for name in chance.sample(NAMES, chance.randrange(3))]
                api.label(dataset_id, dict.fromkeys(chance.sample(ids, min(5, len(ids))), labels))
            elif what == 1:
                data = base64.b64encode(picture(colour=(number, turn % 256, 0))).decode()
                body: Any = {
                    "samples": [{"name": f"up-{number}-{turn}.png", "data": data, "labels": [{"name": "cat"}]}]
                }
                api.call("POST", f"{base}/samples", json=body)
            elif what == 2 and ids:
                body = {"samples": chance.sample(ids, 1), "delete_source": bool(chance.randrange(2))}
                api.call("POST", f"{base}/samples/delete", json=body)
            else:
                stats = api.call("GET", f"{base}/stats")["sample_stats"]
                if stats["all"] != stats["manual_annotation"] + stats["auto_annotation"] + stats["un_annotation"]:
                    failures.append(f"statistics that do not add up: {stats}")
    except Exception as error:
        failures.append(repr(error))
    finally:
        api.session.close()


def busy_folder(folder: Path, stop: threading.Event) -> None:
    """Write, change and remove files all the while."""
    chance = random.Random(0)
    number = 0
    while not stop.is_set():
        number += 1
        (folder / f"file-{number % 60}.png").write_bytes(picture(colour=(0, 0, number % 256)))
        if chance.randrange(3) == 0:
            (folder / f"file-{chance.randrange(60)}.png").unlink(missing_ok=True)
        stop.wait(0.002)


def test_concurrent_clients_dataset_is_consistent(emu: Emulator, api: Api, bucket: Path) -> None:
    for number in range(50):
        (bucket / f"in/first-{number}.png").write_bytes(picture())
    dataset_id = api.dataset()
    stop = threading.Event()
    failures: list[str] = []
    folder = threading.Thread(target=busy_folder, args=(bucket / "in", stop))
    clients = [threading.Thread(target=client, args=(emu.url, dataset_id, n, failures)) for n in range(CLIENTS)]
    for thread in (folder, *clients):
        thread.start()
    for thread in clients:
        thread.join()
    stop.set()
    folder.join()
    assert failures == []
    poll(lambda: _agrees(emu, api, dataset_id, bucket), "agreement")


def _agrees(emu: Emulator, api: Api, dataset_id: str, bucket: Path) -> bool:
    emu.runtime.wait_idle(10)
    details = api.call("GET", f"/{dataset_id}")
    samples: list[Any] = []
    while page := api.samples(dataset_id, f"?limit=100&offset={len(samples) // 100}")["samples"]:
        samples += page
        if len(page) < 100:
            break
    stats = api.call("GET", f"/{dataset_id}/data-annotations/stats")
    labels = Counter(label["name"] for sample in samples for label in sample["labels"])
    labelled = [sample for sample in samples if sample["labels"]]
    with emu.runtime.store.reading(dataset_id) as dataset:
        buried = {
            found.path for i in dataset.ids() if (found := dataset.get(i, deleted=True)) is not None and found.deleted
        }
    files = {f"bucket/in/{path.name}" for path in (bucket / "in").iterdir()}
    listed = {f"{sample['sample_dir']}{sample['sample_name']}".lstrip("/") for sample in samples}
    assert len(listed) == len(samples)
    return bool(
        details["total_sample_count"] == len(samples) == stats["sample_stats"]["all"]
        and details["annotated_sample_count"] == len(labelled) == stats["sample_stats"]["manual_annotation"]
        and {row["name"]: row["count"] for row in stats["label_stats"] if row["count"]} == dict(labels)
        and listed <= files
        and files - listed <= buried
    )
