"""Uploads that a start finds."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from modelarts_emulator.s3.multipart_store import recover_uploads


@pytest.mark.parametrize(
    ("name", "files", "is_logged"),
    [
        ("0" * 32, ["1.part"], True),
        ("0" * 32, [".upload.json"], False),  # interrupted before the upload was acknowledged
        (f"{'0' * 32}.ended", ["1.part"], False),
    ],
)
def test_recover_uploads_without_description_logs_the_loss_of_parts(
    tmp_path: Path, name: str, files: list[str], is_logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file in files:
        (folder / file).write_bytes(b"x")
    recover_uploads(tmp_path)
    assert list(tmp_path.iterdir()) == []
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"{folder / 'upload.json'} is missing: the parts of its upload are lost"] * is_logged
