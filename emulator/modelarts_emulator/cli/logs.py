"""The log of an emulator process: text for people, or JSON lines for log collectors."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from modelarts_emulator.exceptions import UsageError

LOGGER = "modelarts_emulator"
"""The parent of all loggers of the package."""


def log_to(file: Path | None, level: str, format_: str = "text") -> None:
    """Write the log to a file, or to standard error. Raises UsageError if the file cannot be written."""
    try:
        handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    except OSError as error:
        raise UsageError(f"cannot write the log file {file}: {error.strerror}") from None
    handler.setFormatter(
        JsonFormatter() if format_ == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(level.upper())


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message, the fields of a request, and an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON object on one line."""
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False, default=str)
