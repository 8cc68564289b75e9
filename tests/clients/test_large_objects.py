"""Large objects pass through a server process whose memory does not grow with them.

LARGE_OBJECT_MB=1024 pytest tests/client/test_large_objects.py
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from tests.helpers.cloud import Server, started

MB = 1 << 20
SIZE_MB = int(os.environ.get("LARGE_OBJECT_MB", "160"))
# What eight threads keep for sending; it is reached with the first hundred megabytes, and a gigabyte adds nothing.
GROWTH_MB = 96
PIECE = bytes(range(256)) * 4096

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's memory from /proc")


class Pieces:
    """A body of SIZE_MB that is never in memory as a whole; numbered, so that no two of its pieces are the same."""

    def __init__(self) -> None:
        self.digest = hashlib.md5(usedforsecurity=False)

    def __len__(self) -> int:
        return SIZE_MB * MB

    def __iter__(self) -> Iterator[bytes]:
        for number in range(SIZE_MB):
            piece = number.to_bytes(8, "big") + PIECE[8:]
            self.digest.update(piece)
            yield piece


def peak_mb(server: Server) -> int:
    status = Path(f"/proc/{server.process_id}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with started("--memory", cwd=tmp_path, TMPDIR=str(tmp_path)) as begun:
        requests.put(f"{begun.url}/bucket", timeout=30)
        for _ in range(3):  # whatever the first requests load
            requests.put(f"{begun.url}/bucket/small", data=PIECE, timeout=30)
            requests.get(f"{begun.url}/bucket/small", timeout=30)
        yield begun


def test_server_memory_stays_constant_with_a_large_object(server: Server) -> None:
    before, url, body = peak_mb(server), f"{server.url}/bucket/large", Pieces()
    assert requests.put(url, data=body, timeout=300).headers["ETag"] == f'"{body.digest.hexdigest()}"'
    found = hashlib.md5(usedforsecurity=False)
    with requests.get(url, stream=True, timeout=300) as answer:
        assert int(answer.headers["Content-Length"]) == len(body)
        for piece in answer.iter_content(MB):
            found.update(piece)
    assert found.hexdigest() == body.digest.hexdigest()
    with requests.get(url, headers={"Range": f"bytes={MB + 3}-"}, stream=True, timeout=300) as answer:
        assert answer.status_code == 206
        assert sum(len(piece) for piece in answer.iter_content(MB)) == len(body) - MB - 3
    headers = {"x-obs-copy-source": "/bucket/large"}
    assert requests.put(f"{server.url}/bucket/copy", headers=headers, timeout=300).status_code == 200
    assert peak_mb(server) - before < GROWTH_MB


def test_server_memory_stays_constant_with_large_parts(server: Server, tmp_path: Path) -> None:
    body, source, target = Pieces(), tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.writelines(body)
    before = peak_mb(server)
    settings = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id="AKA",
        aws_secret_access_key="sk-a",
        region_name="eu-de",
        config=settings,
    )
    transfer = TransferConfig(multipart_threshold=8 * MB, multipart_chunksize=16 * MB, max_concurrency=4)
    client.upload_file(str(source), "bucket", "parts", Config=transfer)
    client.download_file("bucket", "parts", str(target), Config=transfer)
    client.close()
    found = hashlib.md5(usedforsecurity=False)
    with target.open("rb") as file:
        for piece in iter(lambda: file.read(MB), b""):
            found.update(piece)
    assert found.hexdigest() == body.digest.hexdigest()
    assert peak_mb(server) - before < GROWTH_MB
