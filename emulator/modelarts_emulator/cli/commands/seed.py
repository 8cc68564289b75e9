"""``seed``: create datasets in a running emulator from folders, manifests, snapshots and seed files."""

from __future__ import annotations

import os
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.control_client import add_client_options, connect, require_started
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import find_emulator
from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, Parser, existing, user
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.iam.accounts import User, parse_user

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Create datasets from PATH: a folder of files (one folder per label, or with label files), a manifest, a"
        " seed file in .yaml or .json, or, if there are no datasets yet, a snapshot. A dataset whose name exists is"
        " not changed.",
        usage="PATH... [options]",
    )
    made.add_argument("paths", nargs="+", type=existing, metavar="PATH", help="a file or a folder; repeatable")
    add_client_options(made)
    made.add_argument("--user", type=user, metavar="USER", help="log in as NAME:PASSWORD[:PROJECT]")
    made.add_argument("--project", metavar="NAME", help="project of the datasets (default demo)")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Create the datasets. Raises NotRunning, UsageError, CommandFailed."""
    # Imported here to keep --help fast.
    from modelarts_emulator.cli.seed_runner import SeedTarget, run_seeds  # noqa: PLC0415
    from modelarts_emulator.seeding.object_upload import HttpUploader  # noqa: PLC0415

    found = require_started(find_emulator(options))
    user = options["user"] or _first_user()
    target = SeedTarget(found.client, user, options["project"], HttpUploader, lambda: connect(options))
    result = run_seeds(target, options["paths"], out)
    out.result(result.document(), result.text())
    return OK


def _first_user() -> User | None:
    """Return the first user of an emulator that was started with this environment. Raises UsageError."""
    text = os.environ.get(f"{ENVIRONMENT_PREFIX}USER", "").partition(";")[0]
    try:
        return parse_user(text) if text else None
    except ValueError as error:
        raise UsageError(f"{ENVIRONMENT_PREFIX}USER: {error}") from None
