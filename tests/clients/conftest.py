"""The server that the clients call: a process of its own, or the one that ``EMULATOR_URL`` names.

    EMULATOR_URL=http://127.0.0.1:8765 pytest tests/client

Against a running server every test keeps to buckets, projects and names of its own, and those that need a server with
settings of its own are skipped. It must let everybody in, as ``--auth open`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.helpers.cloud import REMOTE, Bucket, Server, connect, started, unique_name


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if REMOTE:
        yield Server(REMOTE)
        return
    with started("--memory", cwd=tmp_path_factory.mktemp("server")) as begun:
        yield begun


@pytest.fixture(scope="session")
def url(server: Server) -> str:
    return server.url


@pytest.fixture
def cloud(url: str) -> Iterator[Any]:
    """The SDK, logged in to a project of the test's own."""
    made = connect(url, unique_name("project"))
    yield made
    made.close()


@pytest.fixture
def bucket(url: str) -> Iterator[Bucket]:
    """An empty bucket of the test's own, reached as any client reaches it."""
    made = Bucket(url, unique_name())
    yield made
    made.remove()


@pytest.fixture(scope="session")
def full_bucket(url: str) -> Iterator[tuple[str, list[str]]]:
    """The name of a bucket, and its 2,500 keys in their order."""
    bucket = Bucket(url, unique_name())
    keys = sorted(f"{number % 5}/{number:04d}.txt" for number in range(2500))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: bucket.put(key, b""), keys))
    yield bucket.name, keys
    bucket.remove()
