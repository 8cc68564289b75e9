"""Count the Python calls in our package that one request costs, over real HTTP.

Run ``python -m tests.benchmarks.count_calls`` for the totals, with ``--tree`` for the calls by module and function.

A call is the start of a Python function of the package, in any thread, between the first byte of the request and the
last byte of its answer. Resumed generators count each time. The caches are warm, if not stated otherwise: the same
request was answered before.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import msgspec

import modelarts_emulator
from modelarts_emulator import Emulator
from tests.benchmarks import worlds

PACKAGE = str(Path(modelarts_emulator.__file__).parent) + "/"
WEB_SERVER = "web/"
SAMPLES = 1_000
TRIES = 5
SETTLE_S = 0.05
LIMITS = {"PUT labels of one sample": 100, "GET first page of samples": 80, "GET a page that nothing is cached of": 90}
"""The requests that are counted, and how many calls each may cost, without those of the web server."""


class CallCounter:
    """Count calls of functions below the package's folder, in every thread that starts after ``install``."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        """By module (``api/dispatch.py``) and function, since the last ``reset``."""
        self._counting = False

    def install(self) -> None:
        """Profile threads to come. The interpreter has no way to profile those that run already before 3.12."""
        threading.setprofile(self._profile)

    def remove(self) -> None:
        """Stop profiling threads to come."""
        threading.setprofile(None)

    @contextmanager
    def counting(self) -> Iterator[Counter[tuple[str, str]]]:
        """Count what is called within."""
        self.calls = calls = Counter()
        self._counting = True
        try:
            yield calls
        finally:
            self._counting = False

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if self._counting and event == "call":
            code = frame.f_code
            if code.co_filename.startswith(PACKAGE):
                self.calls[code.co_filename[len(PACKAGE) :], code.co_qualname if _QUALIFIED else code.co_name] += 1


_QUALIFIED = sys.version_info >= (3, 11)


def count(tries: int = TRIES) -> dict[str, Counter[tuple[str, str]]]:
    """Return the calls of each request of ``LIMITS``, the least of several tries: other threads may run meanwhile."""
    counter = CallCounter()
    counter.install()
    try:
        with tempfile.TemporaryDirectory() as folder:
            identity = worlds.fill(Path(folder), SAMPLES)[0]
            (Path(folder) / "obs" / "bucket" / "in").mkdir(parents=True)
            with Emulator(data_dir=folder, sync="manual", durability="full") as emulator:
                return {
                    "PUT labels of one sample": _least(counter, emulator.url, lambda turn: _put(identity, turn), tries),
                    "GET first page of samples": _least(counter, emulator.url, lambda _: _get(), tries),
                    "GET a page that nothing is cached of": _least(counter, emulator.url, _get, tries),
                }
    finally:
        counter.remove()


def _put(identity: str, turn: int) -> bytes:
    """Return a request that gives one sample another label than before."""
    label = {"name": worlds.NAMES[turn % len(worlds.NAMES)], "property": _BOX}
    body = msgspec.json.encode({"samples": [{"sample_id": identity, "labels": [label]}]})
    head = f"PUT {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def _get(page: int = 0) -> bytes:
    path = f"{_PATH}?offset={50 + page}" if page else _PATH
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


_PATH = f"/v2/{worlds.PROJECT}/datasets/{worlds.ID}/data-annotations/samples"
_BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[10, 10], [200, 180]]}


def _least(counter: CallCounter, url: str, request: Callable[[int], bytes], tries: int) -> Counter[tuple[str, str]]:
    for turn in range(2):  # fill the caches
        _send(url, request(turn))
    counts = []
    for turn in range(2, 2 + tries):
        time.sleep(SETTLE_S)  # let the threads finish what the request before has started
        with counter.counting() as calls:
            _send(url, request(turn))
        counts.append(Counter(calls))
    return min(counts, key=Counter.total)


def _send(url: str, request: bytes) -> None:
    """Send a request and read its answer. Raises RuntimeError if that is not a success."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    if answer[9:12] != b"200":
        raise RuntimeError(answer[:1000].decode("utf-8", "replace"))


def without_web_server(calls: Counter[tuple[str, str]]) -> int:
    """Return how many of the calls are not the web server's own."""
    return sum(number for (module, _), number in calls.items() if not module.startswith(WEB_SERVER))


def main(arguments: list[str] | None = None) -> int:
    """Print the counts; return 1 if one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", action="store_true", help="print every function with its calls")
    options = parser.parse_args(arguments)
    failed = False
    for name, calls in count().items():
        ours, limit = without_web_server(calls), LIMITS[name]
        failed |= ours > limit
        modules = len({module for module, _ in calls})
        print(f"{name}: {ours} calls (limit {limit}), {calls.total() - ours} more in the web server, {modules} modules")
        for (module, function), number in sorted(calls.items()) if options.tree else ():
            print(f"    {number:4}  {module:40} {function}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
