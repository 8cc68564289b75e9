"""``seed``: fills a running emulator from folders, manifests, snapshots and descriptions."""

from __future__ import annotations

import os
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.control_client import add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import find_emulator
from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, Parser, existing, user
from modelarts_emulator.exceptions import NotRunning, UsageError
from modelarts_emulator.iam.accounts import User, parse_user

SETTINGS = False


def parser(prog: str) -> Parser:
    """Its options."""
    made = Parser(
        prog,
        "Make datasets of what lies at PATH: a folder of files (one a label, or with label files), a manifest, a"
        " description in .yaml or .json, or, where there are no datasets yet, a snapshot. What is there already, by"
        " its name, is left as it is.",
        usage="PATH... [options]",
    )
    made.add_argument("paths", nargs="+", type=existing, metavar="PATH", help="a file or a folder; several")
    add_client_options(made)
    made.add_argument("--user", type=user, metavar="USER", help="who seeds, NAME:PASSWORD[:PROJECT]")
    made.add_argument("--project", metavar="NAME", help="into which project (default demo)")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Do it. Raises NotRunning, UsageError, CommandFailed."""
    # Imported here, so that --help answers at once.
    from modelarts_emulator.cli.seed_runner import SeedTarget, run_seeds  # noqa: PLC0415
    from modelarts_emulator.seeding.object_upload import HttpUploader  # noqa: PLC0415

    place = find_emulator(options)
    if not place.url:
        raise NotRunning(f"the emulator of process {place.found.pid if place.found else 0} is still starting")
    soil = SeedTarget(
        place.url, options["user"] or _first_user(), options["project"], HttpUploader, lambda: connect(options)
    )
    planted = run_seeds(soil, options["paths"], out)
    out.result(planted.document(), planted.text())
    return OK


def _first_user() -> User | None:
    """The one that an emulator started in this environment would seed as. Raises UsageError."""
    text = os.environ.get(f"{ENVIRONMENT_PREFIX}USER", "").partition(";")[0]
    try:
        return parse_user(text) if text else None
    except ValueError as error:
        raise UsageError(f"{ENVIRONMENT_PREFIX}USER: {error}") from None
