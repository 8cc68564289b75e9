"""Requests over HTTP, eight clients: beside bare Flask routes on the same web server."""

from __future__ import annotations

import base64
import random
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks import worlds
from tests.benchmarks.load import packed
from tests.benchmarks.measure import Row, rates

BASE = f"/v2/{worlds.PROJECT}/datasets/{worlds.ID}/data-annotations"
SMALL = 1_000
FLASK = "a bare Flask route, same bytes"


def raw(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Bench:
    """One emulator over a filled data directory, and the bare server beside it."""

    def __init__(self, root: Path, url: str, ids: list[str], size: int, seconds: float, rounds: int) -> None:
        self.root, self.url, self.ids, self.size = root, url, ids, size
        self.seconds, self.rounds = seconds, rounds

    def rows(self) -> Iterator[Row]:
        """All rows."""
        pages = min(50, max(1, self.size // 100))
        yield self.reading("GET samples, page of 10", [f"/samples?offset={n}" for n in range(pages)], 0.80)
        yield self.reading("GET samples, page of 100", [f"/samples?limit=100&offset={n}" for n in range(pages)], 0.65)
        filtered = [f"/samples?limit=100&sample_state=ALL&label_name={name}" for name in worlds.NAMES]
        yield self.reading("GET samples, label and state", filtered, 0.65)
        yield self.reading("GET one sample", [f"/samples/{identity}" for identity in self.ids[:500]], 0.80)
        for clients in (1, 8):
            what = f"PUT labels of one sample, {clients} client{'s' if clients > 1 else ''}"
            yield self.writing(what, 1, clients, 0.70)
        yield self.writing("PUT labels of 100 samples", 100, 8, 0.60)
        yield self.uploading()

    def reading(self, what: str, paths: list[str], target: float) -> Row:
        """GET requests beside a route that has the first one's answer in memory."""
        with urllib.request.urlopen(self.url + BASE + paths[0], timeout=60) as answer:
            data = answer.read()
        own = self._requests("own", [raw("GET", BASE + path) for path in paths])
        other = self._requests("other", [raw("GET", "/bytes")])
        return self._beside(what, FLASK, own, other, 8, target, data)

    def beside_small(self, small: str) -> Row:
        """A page costs the page and not the dataset: beside another emulator over a thousand samples."""
        pages = self._requests("own", [raw("GET", f"{BASE}/samples?offset={n}") for n in range(50)])
        return rates(
            "GET samples, page of 10",
            f"the same of {SMALL:,} samples",
            self.size,
            lambda: worlds.load(self.url, pages, 8, self.seconds),
            lambda: worlds.load(small, pages, 8, self.seconds),
            0.90,
            self.rounds,
        )

    def beside_process(self, url: str) -> Row:
        """What it costs that a change survives power loss, beside an emulator where it need not."""
        changes = self._requests("own", [raw("PUT", f"{BASE}/samples", self._labels(1, turn)) for turn in range(100)])
        return rates(
            "PUT labels of one sample, 1 client",
            "the same with --durability process",
            self.size,
            lambda: worlds.load(self.url, changes, 1, self.seconds),
            lambda: worlds.load(url, changes, 1, self.seconds),
            0.50,
            self.rounds,
        )

    def writing(self, what: str, count: int, clients: int, target: float) -> Row:
        """PUT requests beside a route that parses the same body, writes as many bytes and syncs."""
        bodies = [self._labels(count, turn) for turn in range(100)]
        own = self._requests("own", [raw("PUT", f"{BASE}/samples", body) for body in bodies])
        other = self._requests("other", [raw("PUT", "/append", body) for body in bodies])
        return self._beside(what, "parse, write and fsync in Flask", own, other, clients, target, b"")

    def uploading(self) -> Row:
        """100 pictures of 20 KB in one request, beside a plain loop in Flask."""
        chance = random.Random(0)

        def bodies(name: str, turns: int) -> list[bytes]:
            header = worlds.jpeg(20_000)
            made = []
            for turn in range(turns):
                samples = [
                    {
                        "name": f"{name}-{turn}-{chance.getrandbits(64):x}-{number}.jpg",
                        "data": base64.b64encode(header + chance.randbytes(8)).decode(),
                    }
                    for number in range(100)
                ]
                made.append(msgspec.json.encode({"samples": samples}))
            return made

        # Each body is sent once: a name that is taken would be refused.
        turns = max(2, int(self.seconds * 3))

        def once(url: str, path: str, name: str) -> float:
            requests = self._requests(name, [raw("POST", path, body) for body in bodies(name, turns)])
            return 100 * worlds.send(url, requests)

        with self._bare(b"") as bare:
            return rates(
                "POST 100 pictures of 20 KB",
                "parse, decode, write, fsync, rename in Flask",
                self.size,
                lambda: once(self.url, f"{BASE}/samples", "own"),
                lambda: once(bare, "/files", "other"),
                0.70,
                self.rounds,
            )

    def _labels(self, count: int, turn: int) -> bytes:
        ids = [self.ids[(turn * count + number) % len(self.ids)] for number in range(count)]
        property_ = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[turn, 2], [200, 180]]}
        label = {"name": worlds.NAMES[turn % 5], "type": 1, "property": property_}
        samples: list[Any] = [{"sample_id": identity, "labels": [label]} for identity in ids]
        return msgspec.json.encode({"samples": samples})

    def _requests(self, name: str, requests: list[bytes]) -> Path:
        file = self.root / f"{name}.requests"
        file.write_bytes(packed(requests))
        return file

    @contextmanager
    def _bare(self, data: bytes) -> Iterator[str]:
        (self.root / "bare").mkdir(exist_ok=True)
        (self.root / "bytes").write_bytes(data)
        with worlds.process("-m", "tests.benchmarks.bare", str(self.root / "bytes"), str(self.root / "bare")) as url:
            yield url

    def _beside(self, what: str, beside: str, own: Path, other: Path, clients: int, target: float, data: bytes) -> Row:
        with self._bare(data) as bare:
            return rates(
                what,
                beside,
                self.size,
                lambda: worlds.load(self.url, own, clients, self.seconds),
                lambda: worlds.load(bare, other, clients, self.seconds),
                target,
                self.rounds,
            )


def measured(root: Path, size: int, seconds: float, rounds: int) -> Iterator[Row]:
    """All rows at one size."""
    ids = worlds.fill(root / "data", size)
    with worlds.emulator(root) as url:
        bench = Bench(root, url, ids, size, seconds, rounds)
        yield from bench.rows()
        worlds.fill(root / "process/data", size)
        with worlds.emulator(root / "process", "--durability", "process") as process:
            yield bench.beside_process(process)
        if size > SMALL:
            worlds.fill(root / "small/data", SMALL)
            with worlds.emulator(root / "small") as small:
                yield bench.beside_small(small)
