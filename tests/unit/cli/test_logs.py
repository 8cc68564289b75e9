"""The log of a process: its lines in both formats, and one line for each request of a client."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelarts_emulator import Emulator, UsageError
from modelarts_emulator.cli.logs import LOGGER, log_to


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    logger = logging.getLogger(LOGGER)
    handlers, level = list(logger.handlers), logger.level
    yield tmp_path / "log"
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


def requests(emulator: Emulator) -> None:
    client = emulator.client()
    client.get("/v2/p/datasets?limit=5")
    client.get("/v2/p/datasets/nothing")
    client.get("/bucket/key?Signature=very-secret&Expires=1")
    client.get("/bucket/%0A2026-01-01%20INFO%20forged")
    client.get("/_emulator/health")


def test_info_level_logs_one_line_per_request(log_file: Path) -> None:
    log_to(log_file, "info")
    with Emulator() as emulator:
        requests(emulator)
    lines = log_file.read_text().splitlines()
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO GET (\S+) (\S+) (\d+) \d+\.\d ms request (\d+)(?:: (.*))?"
    found = [match.groups() for line in lines if (match := re.fullmatch(pattern, line))]
    assert found[:2] == [
        ("/v2/p/datasets?limit=5", "ListDatasets", "200", "1", None),
        ("/v2/p/datasets/nothing", "DescDataset", "400", "2", "ModelArts.4352 Dataset does not exist: nothing"),
    ]
    assert [each[1:3] for each in found[2:]] == [("-", "404"), ("-", "404")]
    assert [str(each[4]).split()[0] for each in found[2:]] == ["ModelArts.0015", "ModelArts.0015"]
    assert "very-secret" not in log_file.read_text()
    assert not [line for line in lines if line.startswith("2026-01-01")]


def test_warning_level_logs_no_requests(log_file: Path) -> None:
    log_to(log_file, "warning")
    with Emulator() as emulator:
        requests(emulator)
    assert log_file.read_text() == ""


def test_json_format_is_one_object_per_line(log_file: Path) -> None:
    log_to(log_file, "info", "json")
    with Emulator() as emulator:
        requests(emulator)
    try:
        raise ValueError("damaged")
    except ValueError:
        logging.getLogger(f"{LOGGER}.test").exception("failed: %s", "ä")
    *first, last = map(json.loads, log_file.read_text().splitlines())
    listing = next(each for each in first if each.get("operation") == "ListDatasets")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", listing["time"])
    assert {name: listing[name] for name in ("level", "method", "url", "status", "request_id")} == {
        "level": "INFO",
        "method": "GET",
        "url": "/v2/p/datasets?limit=5",
        "status": 200,
        "request_id": 1,
    }
    assert isinstance(listing["duration_ms"], float)
    assert (last["message"], last["level"], last["logger"]) == ("failed: ä", "ERROR", f"{LOGGER}.test")
    assert "ValueError: damaged" in last["exception"]


def test_unwritable_log_file_raises(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write the log file"):
        log_to(tmp_path, "info")
