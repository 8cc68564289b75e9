"""``reset``: deletes everything that a running emulator has, or everything of a project."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.control_client import CONTROL, add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser
from modelarts_emulator.util.http_client import quote_segment

SETTINGS = False


def parser(prog: str) -> Parser:
    """Its options."""
    made = Parser(
        prog,
        "Delete all datasets, versions, tasks and buckets; faults, transitions, clock, ids "
        "and request log are as at the start. Snapshots and mounted folders stay.",
        usage="[options]",
    )
    add_client_options(made)
    made.add_argument("--project", metavar="ID", help="only the datasets of this project")
    made.add_argument("--keep-objects", action="store_true", help="leave buckets and what is in them")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Do it. Raises NotRunning, CommandFailed."""
    query = "?objects=false" if options["keep_objects"] else "?objects=true"
    if options["project"] is not None:
        query += f"&project_id={quote_segment(options['project'])}"
    with connect(options) as client:
        gone = client.call("POST", f"{CONTROL}/reset{query}")
    out.result(gone, f"deleted {gone['datasets']} datasets and {gone['buckets']} buckets")
    return OK
