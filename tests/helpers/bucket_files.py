"""Write files and manifests into a bucket folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(bucket: Path, path: str, data: bytes | str) -> None:
    file = bucket / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)


def write_manifest(bucket: Path, lines: list[Any], name: str = "else/a.manifest") -> str:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    write(bucket, name, text)
    return f"s3://bucket/{name}"
