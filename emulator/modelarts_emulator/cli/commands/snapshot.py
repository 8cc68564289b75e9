"""``snapshot``: save everything in a running emulator, and list the snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.control_client import CONTROL, add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser
from modelarts_emulator.exceptions import CommandFailed, UsageError
from modelarts_emulator.util.http_client import Client, error_text, quote_segment

SETTINGS = False
SNAPSHOTS = f"{CONTROL}/snapshots"


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Save everything under a name; a snapshot of that name is replaced. Without a name, list the snapshots.",
        usage="[NAME] [options]",
    )
    made.add_argument("name", nargs="?", metavar="NAME", help="letters, digits, _, - and .")
    add_client_options(made)
    made.add_argument("--to", type=Path, metavar="FILE", help="also write it to a .zip file")
    made.add_argument("--without-objects", action="store_true", help="save the datasets, not the buckets")
    made.add_argument("--mounts", action="store_true", help="save the files of mounted directories as well")
    made.add_argument("--delete", action="store_true", help="delete the snapshot of this name")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Save, list or delete. Raises NotRunning, UsageError, CommandFailed."""
    name, file = options["name"], options["to"]
    if name is None and (file or options["delete"] or options["without_objects"] or options["mounts"]):
        raise UsageError("the NAME of the snapshot is missing")
    with connect(options) as client:
        if name is None:
            _list(client, out)
        elif options["delete"]:
            client.call("DELETE", f"{SNAPSHOTS}/{quote_segment(name)}")
            out.result({"deleted": name}, f"deleted {name}")
        else:
            with out.progress(f"saving {name}"):
                saved = _save(client, name, options)
                if file:
                    _download(client, name, file)
            out.result(saved, snapshot_line(saved) + (f" -> {file}" if file else ""))
    return OK


def snapshot_line(snapshot: dict[str, Any]) -> str:
    """Return the contents of a snapshot in one line."""
    objects = f"{snapshot['files']} files, {snapshot['bytes']:,} bytes" if snapshot["objects"] else "without objects"
    return f"{snapshot['name']}: {snapshot['datasets']} datasets, {objects}"


def _list(client: Client, out: Output) -> None:
    found = client.call("GET", SNAPSHOTS)
    out.result(found, "\n".join(map(snapshot_line, found["snapshots"])) or "no snapshots")


def _save(client: Client, name: str, options: dict[str, Any]) -> dict[str, Any]:
    flags = {"objects": not options["without_objects"], "mounts": options["mounts"]}
    query = "&".join(f"{flag}={str(value).lower()}" for flag, value in flags.items())
    saved: dict[str, Any] = client.call("PUT", f"{SNAPSHOTS}/{quote_segment(name)}?{query}")
    return saved


def _download(client: Client, name: str, file: Path) -> None:
    answer = client.send("GET", f"{SNAPSHOTS}/{quote_segment(name)}/archive")
    if answer.status != 200:
        raise CommandFailed(f"request failed: {error_text(answer)}")
    new = file.with_name(f".{file.name}.tmp")
    try:
        new.write_bytes(answer.body)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
