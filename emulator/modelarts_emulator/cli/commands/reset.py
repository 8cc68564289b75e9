"""``reset``: delete everything in a running emulator, or everything of one project."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.control_client import CONTROL, add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser
from modelarts_emulator.util.http_client import quote_segment

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Delete all datasets, versions, tasks and buckets, and reset faults, transitions, clock, "
        "id seed and request log. Snapshots and mounted directories are kept.",
        usage="[options]",
    )
    add_client_options(made)
    made.add_argument("--project", metavar="ID", help="delete only the datasets of this project")
    made.add_argument("--keep-objects", action="store_true", help="keep the buckets and their objects")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Reset the emulator. Raises NotRunning, CommandFailed."""
    query = "?objects=false" if options["keep_objects"] else "?objects=true"
    if options["project"] is not None:
        query += f"&project_id={quote_segment(options['project'])}"
    with connect(options) as client:
        deleted = client.call("POST", f"{CONTROL}/reset{query}")
    out.result(deleted, f"deleted {deleted['datasets']} datasets and {deleted['buckets']} buckets")
    return OK
