"""The real server, killed at random moments while eight clients write: nothing that was acknowledged is lost."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from tinydb import TinyDB

from modelarts_emulator.store import doctor
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll
from tests.helpers.process import COMMANDS, environment, running

pytestmark = pytest.mark.slow

# Fifty rounds are for a longer look: CRASH_ROUNDS=50.
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "5"))
CLIENTS = 8
SAMPLES = 40
BATCH = 5


class Client(threading.Thread):
    """Labels batches of its own samples and uploads pictures until the server is gone; knows what was acknowledged."""

    def __init__(
        self, url: str, dataset_id: str, number: int, turn: int, ids: list[str], enough: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self.api = Api(url)
        self.path = f"/{dataset_id}/data-annotations/samples"
        self.number, self.turn, self.ids, self.enough = number, turn, ids, enough
        self.labelled: dict[str, str] = {}
        self.in_flight: dict[str, str] = {}
        self.uploaded: dict[str, bytes] = {}

    def run(self) -> None:
        step = 0
        try:
            while True:
                step += 1
                self.label(f"c{self.number}-t{self.turn}-{step}")
                if step % 3 == 0:
                    self.upload(f"c{self.number}-t{self.turn}-{step}.png", picture(8 + step % 50, 8))
                if step == 4:
                    self.enough.set()
        except requests.RequestException:
            pass
        finally:
            self.api.session.close()

    def label(self, name: str) -> None:
        self.in_flight = dict.fromkeys(self.ids, name)
        body = {"samples": [{"sample_id": i, "labels": [{"name": name}]} for i in self.ids]}
        assert self.api.session.put(self.api.base + self.path, json=body, timeout=30).json()["success"] is True
        self.labelled |= self.in_flight
        self.in_flight = {}

    def upload(self, name: str, data: bytes) -> None:
        body = {"samples": [{"name": name, "data": base64.b64encode(data).decode()}]}
        answer = self.api.session.post(self.api.base + self.path, json=body, timeout=30).json()
        assert answer["success"] is True, answer
        self.uploaded[name] = data


def test_kill_acknowledged_changes_are_kept(tmp_path: Path, bucket: Path) -> None:
    chance = random.Random(5)
    for number in range(SAMPLES):
        (bucket / f"in/{number:02d}.png").write_bytes(picture())
    options = ("--port", "0", "--bucket", f"bucket={bucket}", "--log-level", "error")
    with running(*options, cwd=tmp_path) as process:
        api = Api(process.url)
        dataset_id = api.dataset()
        ids = sorted(api.ids(dataset_id).values())
        api.session.close()
        process.kill()
    labelled: dict[str, str] = {}
    uploaded: dict[str, bytes] = {}
    for turn in range(ROUNDS):
        with running(*options, cwd=tmp_path) as process:
            enough = threading.Event()
            own = [ids[n * BATCH : (n + 1) * BATCH] for n in range(CLIENTS)]
            clients = [Client(process.url, dataset_id, n, turn, own[n], enough) for n in range(CLIENTS)]
            for client in clients:
                client.start()
            assert enough.wait(30)
            threading.Event().wait(chance.random() * 0.2)  # the moment of the kill is to be a random one
            process.kill()
            for client in clients:
                client.join(30)
            for client in clients:
                labelled |= client.labelled
                uploaded |= client.uploaded
        _kill_while_starting(options, tmp_path, chance.random() * 0.4)
        is_last = turn == ROUNDS - 1
        with running(*options, cwd=tmp_path) as process:
            api = Api(process.url)
            _compare(api, dataset_id, clients, labelled, uploaded)
            api.session.close()
            # Every second time it is not even then stopped as it should be.
            if turn % 2 and not is_last:
                process.kill()
            else:
                process.terminate()
                assert process.wait(30) == 0
                _require_files(tmp_path / "emulator-data", dataset_id, SAMPLES + len(uploaded), bucket)


def _kill_while_starting(options: tuple[str, ...], folder: Path, after_s: float) -> None:
    process = subprocess.Popen(
        [*COMMANDS[0], *options], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        threading.Event().wait(after_s)
    finally:
        process.kill()
        process.wait(30)


def _require_files(data_dir: Path, dataset_id: str, samples: int, bucket: Path) -> None:
    """Stock TinyDB reads what a clean stop leaves; there is nothing to mend, and no more than two generations."""
    folder = data_dir / "datasets" / dataset_id
    with TinyDB(folder / "dataset.json", access_mode="r") as db:
        assert len(db.table("samples").all()) >= samples
    journals = list(folder.glob("journal-*"))
    assert len(journals) <= 3
    assert sum(journal.stat().st_size for journal in journals) < 10_000_000
    problems = doctor.examine(data_dir, {"bucket": bucket}).problems
    # A kill may leave half of an upload in the bucket: that is what doctor --repair is for.
    assert {problem.kind for problem in problems} <= {"leftover"}, problems
    assert all(problem.path.startswith("/bucket/in/.~") for problem in problems), problems


def _compare(
    api: Api, dataset_id: str, clients: list[Client], labelled: dict[str, str], uploaded: dict[str, bytes]
) -> None:
    total = poll(lambda: api.samples(dataset_id)["sample_count"])
    samples: list[Any] = []
    for page in range(-(-total // 100)):
        samples += api.samples(dataset_id, f"?limit=100&offset={page}&order=asc")["samples"]
    found = {s["sample_id"]: s["labels"][0]["name"] for s in samples if s["labels"]}
    for client in clients:
        own = {found.get(i) for i in client.ids}
        # Either the last acknowledged batch, or the one that was under way, but that as a whole.
        assert own in ({labelled.get(client.ids[0])}, set(client.in_flight.values())), (own, client.in_flight)
        labelled |= {i: name for i, name in found.items() if i in client.ids}
    by_name = {s["sample_name"]: s for s in samples}
    for name, data in uploaded.items():
        assert api.session.get(by_name[name]["source"], timeout=10).content == data
