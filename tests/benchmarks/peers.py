"""Other test doubles doing much the same, where they are installed: moto's server, and json-server from npm."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec

from tests.benchmarks import worlds
from tests.benchmarks.measure import Row, rates

BUCKET = "peers"
KEYS = 100
DOCUMENTS = 1_000
DATA = os.urandom(20_000)
# What object-storage clients send with every request, and no other client.
CREDENTIAL = "AK/20260101/us-east-1/s3/aws4_request"
STORAGE = {
    "x-amz-date": "20260101T000000Z",
    "Authorization": f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host, Signature=00",
}
JSON = {"Content-Type": "application/json"}


def measured(root: Path, seconds: float, rounds: int) -> Iterator[Row]:
    """The rows of the peers that are there."""
    ids = worlds.fill(root / "data", DOCUMENTS)
    with worlds.emulator(root) as url:
        if importlib.util.find_spec("moto") is not None:
            with _process([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]) as moto:
                yield from _storage(url, moto, seconds, rounds)
        if program := shutil.which("json-server"):
            with _json_server(program, root) as peer:
                yield from _documents(url, peer, ids, seconds, rounds)


def _storage(url: str, moto: str, seconds: float, rounds: int) -> Iterator[Row]:
    for base in (url, moto):
        client = _Client(base)
        client.send("PUT", f"/{BUCKET}", headers=STORAGE)
        for number in range(KEYS):
            client.send("PUT", f"/{BUCKET}/key-{number:03}", DATA, STORAGE)
        client.close()
    listing = [("GET", f"/{BUCKET}?list-type=2", b"", STORAGE)]
    putting = [("PUT", f"/{BUCKET}/put-{number:03}", DATA, STORAGE) for number in range(KEYS)]
    for what, requests in (("S3, list of 100 keys", listing), ("S3, put of 20 KB", putting)):
        own, other = _rate(url, requests, seconds), _rate(moto, requests, seconds)
        yield rates(f"{what}, 1 client", "moto's server", KEYS, own, other, 1.0, rounds)


def _documents(url: str, peer: str, ids: list[str], seconds: float, rounds: int) -> Iterator[Row]:
    base = f"/v2/{worlds.PROJECT}/datasets/{worlds.ID}/data-annotations/samples"
    pages = [("GET", f"{base}?limit=10&offset={page}", b"", {}) for page in range(20)]
    other_pages = [("GET", f"/samples?_limit=10&_page={page + 1}", b"", {}) for page in range(20)]
    own, other = _rate(url, pages, seconds), _rate(peer, other_pages, seconds)
    yield rates("page of 10, 1 client", "json-server", DOCUMENTS, own, other, 1.0, rounds)
    changes = [("PUT", base, _labelled(identity), JSON) for identity in ids[:KEYS]]
    other_changes = [("PATCH", f"/samples/{number + 1}", b'{"labels":["cat"]}', JSON) for number in range(KEYS)]
    own, other = _rate(url, changes, seconds), _rate(peer, other_changes, seconds)
    yield rates("change of one, durable, 1 client", "json-server", DOCUMENTS, own, other, 1.0, rounds)


def _labelled(identity: str) -> bytes:
    property_ = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [200, 180]]}
    label = {"name": "cat", "type": 1, "property": property_}
    return msgspec.json.encode({"samples": [{"sample_id": identity, "labels": [label]}]})


class _Client:
    """One client, one request after another; over one connection as long as the server lets it."""

    def __init__(self, base: str) -> None:
        self._connection = HTTPConnection(base.removeprefix("http://"), timeout=60)

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Send, and read the answer. Raises RuntimeError for one that is no success."""
        self._connection.request(method, path, body, headers or {})
        with self._connection.getresponse() as answer:
            data = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:200]!r}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _rate(base: str, requests: list[tuple[str, str, bytes, dict[str, str]]], seconds: float) -> Callable[[], float]:
    def measure() -> float:
        client = _Client(base)
        count, start = 0, time.perf_counter()
        while (took := time.perf_counter() - start) < seconds:
            client.send(*requests[count % len(requests)])
            count += 1
        client.close()
        return count / took

    return measure


@contextmanager
def _json_server(program: str, root: Path) -> Iterator[str]:
    samples = [{"id": number + 1, **msgspec.to_builtins(worlds.sample(number))} for number in range(DOCUMENTS)]
    for number, each in enumerate(samples, 1):
        each["id"] = number
    (root / "db.json").write_bytes(msgspec.json.encode({"samples": samples}))
    with _process([program, "--quiet", "--host", "127.0.0.1", "--port", "{port}", str(root / "db.json")]) as url:
        yield url


@contextmanager
def _process(command: list[str]) -> Iterator[str]:
    """A server on a port that was free a moment ago: neither of these tells which one it has chosen itself."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    running = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        worlds.wait(lambda: _answers(port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(60)


def _answers(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True
