"""``restore``: puts everything back as a snapshot has it, while the emulator runs."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import IO, Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.commands.snapshot import SNAPSHOTS, line
from modelarts_emulator.cli.control_client import add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser
from modelarts_emulator.exceptions import CommandFailed, UsageError
from modelarts_emulator.util.http_client import Client, error_text, quote_segment

SETTINGS = False


def parser(prog: str) -> Parser:
    """Its options."""
    made = Parser(
        prog,
        "Put everything back as a snapshot has it: datasets as a whole, and buckets where the "
        "snapshot has them. Mounted folders get files back, and lose none.",
        usage="SNAPSHOT [options]",
    )
    made.add_argument("snapshot", metavar="SNAPSHOT", help="a name, a .zip file, or an unpacked one")
    add_client_options(made)
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Do it. Raises NotRunning, UsageError, CommandFailed."""
    wanted = options["snapshot"]
    with connect(options) as client, out.progress(f"restoring {wanted}"):
        name = upload(client, Path(wanted)) if is_file(wanted) else wanted
        restored = client.call("POST", f"{SNAPSHOTS}/{quote_segment(name)}")
    out.result(restored, f"restored {line(restored)}")
    return OK


def is_file(text: str) -> bool:
    """Whether a snapshot is named by where it lies, rather than by what the emulator calls it."""
    return "/" in text or text.endswith(".zip") or (Path(text) / "snapshot.json").is_file()


def upload(client: Client, path: Path) -> str:
    """Send a snapshot's file or folder, and return the name it has now. Raises UsageError, CommandFailed."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", path.resolve().name.removesuffix(".zip"))[:64] or "snapshot"
    try:
        with tempfile.TemporaryFile() if path.is_dir() else path.open("rb") as file:
            if path.is_dir():
                # Only a folder needs what packs it.
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
        raise CommandFailed(f"the emulator says no: {error_text(answer)}")
