"""``restore``: replace everything in a running emulator with a snapshot."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import IO, Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.commands.snapshot import SNAPSHOTS, snapshot_line
from modelarts_emulator.cli.control_client import add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser
from modelarts_emulator.exceptions import CommandFailed, UsageError
from modelarts_emulator.util.http_client import Client, error_text, quote_segment

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Replace all datasets with those of a snapshot, and the buckets if the snapshot has "
        "them. Files are added to mounted directories, and none is deleted there.",
        usage="SNAPSHOT [options]",
    )
    made.add_argument("snapshot", metavar="SNAPSHOT", help="a name, a .zip file, or an unpacked one")
    add_client_options(made)
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Restore the snapshot. Raises NotRunning, UsageError, CommandFailed."""
    wanted = options["snapshot"]
    with connect(options) as client, out.progress(f"restoring {wanted}"):
        name = upload_snapshot(client, Path(wanted)) if is_file(wanted) else wanted
        restored = client.call("POST", f"{SNAPSHOTS}/{quote_segment(name)}")
    out.result(restored, f"restored {snapshot_line(restored)}")
    return OK


def is_file(text: str) -> bool:
    """Return True if a text is the path of a snapshot, not the name of one in the emulator."""
    return "/" in text or text.endswith(".zip") or (Path(text) / "snapshot.json").is_file()


def upload_snapshot(client: Client, path: Path) -> str:
    """Send a snapshot's file or directory, and return its name in the emulator. Raises UsageError, CommandFailed."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", path.resolve().name.removesuffix(".zip"))[:64] or "snapshot"
    try:
        with tempfile.TemporaryFile() if path.is_dir() else path.open("rb") as file:
            if path.is_dir():
                # Imported here: only a directory needs to be packed.
                from modelarts_emulator.control.snapshots import zip_archive  # noqa: PLC0415

                zip_archive.pack(path, file)
            _send(client, name, file)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return name


def _send(client: Client, name: str, file: IO[bytes]) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    headers = {"Content-Type": "application/zip", "Content-Length": str(size)}
    answer = client.send("PUT", f"{SNAPSHOTS}/{quote_segment(name)}/archive", file, headers)
    if answer.status >= 400:
        raise CommandFailed(f"request failed: {error_text(answer)}")
