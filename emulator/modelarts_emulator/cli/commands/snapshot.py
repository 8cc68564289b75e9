"""``snapshot``: keeps everything that a running emulator has, and lists what is kept."""

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
    """Its options."""
    made = Parser(
        prog,
        "Keep everything under a name, in place of what has it. Without a name, list them.",
        usage="[NAME] [options]",
    )
    made.add_argument("name", nargs="?", metavar="NAME", help="letters, digits, _, - and .")
    add_client_options(made)
    made.add_argument("--to", type=Path, metavar="FILE", help="write it as a .zip file, too")
    made.add_argument("--without-objects", action="store_true", help="only the datasets, not what is in buckets")
    made.add_argument("--mounts", action="store_true", help="also what is in mounted folders")
    made.add_argument("--delete", action="store_true", help="forget the snapshot of this name")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Do it. Raises NotRunning, UsageError, CommandFailed."""
    name, file = options["name"], options["to"]
    if name is None and (file or options["delete"] or options["without_objects"] or options["mounts"]):
        raise UsageError("say the NAME of the snapshot")
    with connect(options) as client:
        if name is None:
            _list(client, out)
        elif options["delete"]:
            client.call("DELETE", f"{SNAPSHOTS}/{quote_segment(name)}")
            out.result({"deleted": name}, f"deleted {name}")
        else:
            with out.progress(f"saving {name}"):
                kept = _save(client, name, options)
                if file:
                    _download(client, name, file)
            out.result(kept, line(kept) + (f" -> {file}" if file else ""))
    return OK


def line(snapshot: dict[str, Any]) -> str:
    """What a snapshot has, for people."""
    objects = f"{snapshot['files']} files, {snapshot['bytes']:,} bytes" if snapshot["objects"] else "without objects"
    return f"{snapshot['name']}: {snapshot['datasets']} datasets, {objects}"


def _list(client: Client, out: Output) -> None:
    found = client.call("GET", SNAPSHOTS)
    out.result(found, "\n".join(map(line, found["snapshots"])) or "there are no snapshots")


def _save(client: Client, name: str, options: dict[str, Any]) -> dict[str, Any]:
    flags = {"objects": not options["without_objects"], "mounts": options["mounts"]}
    query = "&".join(f"{flag}={str(value).lower()}" for flag, value in flags.items())
    kept: dict[str, Any] = client.call("PUT", f"{SNAPSHOTS}/{quote_segment(name)}?{query}")
    return kept


def _download(client: Client, name: str, file: Path) -> None:
    answer = client.send("GET", f"{SNAPSHOTS}/{quote_segment(name)}/archive")
    if answer.status != 200:
        raise CommandFailed(f"the emulator says no: {error_text(answer)}")
    new = file.with_name(f".{file.name}.tmp")
    try:
        new.write_bytes(answer.body)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
